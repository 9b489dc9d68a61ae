/** Failures as text: packetdrill's message, the packets one above the other, the script's line with a caret. */
import { visible, visibleLines } from '../wire/visible.ts';
import type { Failure, PacketLine } from './failure.ts';

/** How to emphasise; plain text if not given. */
export interface ReportStyle {
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
}

const plain: ReportStyle = { bad: (text) => text, dim: (text) => text };

/** As much of a line as is shown, characters. */
const mostShown = 240;

/** The line to blame, or what surrounds the column (1-based) in a very long one; and what stands before the column. */
function shownSource(line: string, column: number): { text: string; before: string } {
  const start = line.length <= mostShown ? 0 : Math.max(0, column - 1 - mostShown / 2);
  const [head, tail] = [start > 0 ? '…' : '', start + mostShown < line.length ? '…' : ''];
  const text = visibleLines(line.slice(start, start + mostShown));
  return { text: head + text + tail, before: head + text.slice(0, column - 1 - start) };
}

/** The first line of a message, as packetdrill writes it: `file:line: what`. */
export function headline({ file, line, message: text }: Failure): string {
  const message = visibleLines(text);
  const name = visible(file);
  return line > 0 ? `${name}:${line}: ${message}` : `${name}: ${message}`;
}

/**
 * The whole message.
 * @param text the script, for the line that is to blame; none is shown without it
 */
export function formatFailure(
  failure: Failure,
  text: string | null = null,
  style: ReportStyle = plain,
): string {
  const lines = [headline(failure)];
  lines.push(
    ...packetLines('script', failure.expected, style),
    ...packetLines('actual', failure.actual, style),
  );
  lines.push(...failure.notes.map((note) => `  ${visibleLines(note)}`));
  const source = text?.split('\n')[failure.line - 1];
  if (source !== undefined && failure.line > 0) {
    const number = String(failure.line).padStart(5);
    const { text: shown, before } = shownSource(source, failure.column);
    // Tabs are kept before the caret, so that it stands below its place whatever their width.
    const indent = before.replace(/[^\t]/g, ' ');
    lines.push(style.dim(`${number} | ${shown}`), `${style.dim('      | ')}${indent}${style.bad('^')}`);
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
