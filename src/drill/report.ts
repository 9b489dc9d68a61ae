/** Failures as text: packetdrill's message, the packets one above the other, the script's line with a caret. */
import type { Failure, PacketLine } from './failure.ts';

/** How to emphasise; plain text if not given. */
export interface ReportStyle {
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
}

const plain: ReportStyle = { bad: (text) => text, dim: (text) => text };

/** The first line of a message, as packetdrill writes it: `file:line: what`. */
export function headline({ file, line, message }: Failure): string {
  return line > 0 ? `${file}:${line}: ${message}` : `${file}: ${message}`;
}

/**
 * The whole message.
 * @param text the script, for the line that is to blame; none is shown if it is null
 */
export function formatFailure(failure: Failure, text: string | null, style: ReportStyle = plain): string {
  const lines = [headline(failure)];
  lines.push(
    ...packetLines('script', failure.expected, style),
    ...packetLines('actual', failure.actual, style),
  );
  lines.push(...failure.notes.map((note) => `  ${note}`));
  const source = text?.split('\n')[failure.line - 1];
  if (source !== undefined && failure.line > 0) {
    const number = String(failure.line).padStart(5);
    // Tabs are kept before the caret, so that it stands below its place whatever their width.
    const before = source.slice(0, failure.column - 1).replace(/[^\t]/g, ' ');
    lines.push(style.dim(`${number} | ${source}`), `${style.dim('      | ')}${before}${style.bad('^')}`);
  }
  return lines.join('\n');
}

function packetLines(name: string, packet: PacketLine | null, style: ReportStyle): string[] {
  if (packet === null) return [];
  const head = `${name} packet: ${packet.time} `;
  if (packet.mark === null) return [head + packet.text];
  const { at, length } = packet.mark;
  const end = at + length;
  const line =
    head + packet.text.slice(0, at) + style.bad(packet.text.slice(at, end)) + packet.text.slice(end);
  return [line, ' '.repeat(head.length + at) + style.bad('^'.repeat(Math.max(1, length)))];
}
