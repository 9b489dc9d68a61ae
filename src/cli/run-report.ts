/** The results of `halfopen run` for people, for programs, and as a capture. */
import type { Failure } from '../drill/failure.ts';
import { formatFailure, type ReportStyle } from '../drill/report.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import { worldEpochUs } from '../sim/capture.ts';
import type { PacketEvent, WorldEvent } from '../sim/events.ts';
import { ladder } from '../view/ladder.ts';
import { pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import { packetText } from '../wire/text.ts';
import { visible, visibleLines } from '../wire/visible.ts';
import { colour, columns, paint, print, printJson } from './output/print.ts';
import type { JobResult } from './run-job.ts';

export type Format = 'human' | 'json' | 'tap';

interface PrintOptions {
  readonly format: Format;
  readonly ladder: boolean;
  readonly verbose: boolean;
}

const ipNames: Readonly<Record<IpVersion, string>> = {
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  'ipv4-mapped-ipv6': 'mapped',
};

/** A failed run of more events than these is drawn only if asked for. */
const mostDrawn = 2000;

const style: ReportStyle = { bad: (text) => paint('red', text), dim: (text) => paint('dim', text) };

export class Printer {
  failed = 0;
  passed = 0;
  private skipped = 0;
  unable = 0;
  private readonly options: PrintOptions;
  private readonly total: number;
  private readonly progress: boolean;

  constructor(options: PrintOptions, total: number) {
    this.options = options;
    this.total = total;
    this.progress = process.stderr.isTTY === true && !process.stdout.isTTY && total > 20;
  }

  start(): void {
    if (this.options.format === 'tap') print(`TAP version 13\n1..${this.total}\n`);
  }

  result(result: JobResult): void {
    if (result.skipped !== null) this.skipped++;
    else if (result.cannotRun !== null) this.unable++;
    else if (result.failure === null) this.passed++;
    else this.failed++;
    const { format } = this.options;
    if (format === 'json') printJson(jsonOf(result));
    else print(`${(format === 'tap' ? this.tap(result) : this.human(result)).join('\n')}\n`);
    if (this.progress) process.stderr.write(`\r${this.done()} of ${this.total}`);
  }

  private done(): number {
    return this.passed + this.failed + this.skipped + this.unable;
  }

  end(): void {
    if (this.progress) process.stderr.write('\r\u001b[K');
    if (this.options.format !== 'human') return;
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : '';
    const unable = this.unable > 0 ? `, ${this.unable} cannot run here` : '';
    const counts = `${this.passed} passed, ${this.failed} failed${unable}${skipped}`;
    print(`${paint(this.failed > 0 ? 'red' : 'green', counts)}\n`);
  }

  private human(result: JobResult): string[] {
    const { failure } = result;
    const file = visible(result.file);
    const notRun = result.skipped ?? result.cannotRun;
    if (notRun !== null) return [`skip ${file} (${ipNames[result.ip]})  ${style.dim(visible(notRun))}`];
    const word = failure === null ? paint('green', 'ok  ') : paint('red', 'FAIL');
    const time = style.dim(`${seconds(result.virtualUs)} s virtual, ${result.wallMs.toFixed(1)} ms`);
    const lines = [`${word} ${file} (${ipNames[result.ip]})  ${time}`];
    for (const warning of result.warnings)
      lines.push(...formatFailure(warning, result.text, style).split('\n'));
    if (this.options.verbose) for (const line of verboseLines(result)) lines.push(line);
    // A single run that fails shows how it came to that; among many it would bury the others.
    const alone = failure !== null && this.total === 1 && result.events.length <= mostDrawn;
    if (this.options.ladder || alone) for (const line of ladderOf(result)) lines.push(line);
    if (failure !== null) lines.push(...formatFailure(failure, result.text, style).split('\n'), '');
    return lines;
  }

  private tap(result: JobResult): string[] {
    const number = this.done();
    // A number sign would begin a directive, such as # SKIP.
    const name = `${visible(result.file).replaceAll('#', '\\#')} (${ipNames[result.ip]})`;
    const notRun = result.skipped ?? result.cannotRun;
    if (notRun !== null) return [`ok ${number} - ${name} # SKIP ${visible(notRun)}`];
    if (result.failure === null) return [`ok ${number} - ${name}`];
    const message = formatFailure(result.failure, result.text).split('\n');
    return [`not ok ${number} - ${name}`, ...message.map((line) => `# ${line}`)];
  }
}

const seconds = (us: number): string => String(Math.round(us / 1000) / 1000);

function jsonOf(result: JobResult): unknown {
  return {
    script: result.file,
    ip: ipNames[result.ip],
    ok: result.skipped === null && result.cannotRun === null ? result.failure === null : null,
    virtualSeconds: result.virtualUs / 1e6,
    wallMs: Math.round(result.wallMs * 1000) / 1000,
    error: result.failure === null ? null : jsonError(result.failure),
    ...(result.skipped === null ? {} : { skipped: result.skipped }),
    ...(result.cannotRun === null ? {} : { cannotRun: result.cannotRun }),
  };
}

function jsonError(failure: Failure): Record<string, string | number | null> {
  const { kind, file, line, column, message, notes, expected, actual } = failure;
  return {
    kind,
    file,
    line,
    column,
    message: [message, ...notes].join('\n'),
    expected: expected === null ? null : `${expected.time.trim()} ${expected.text}`,
    actual: actual === null ? null : `${actual.time.trim()} ${actual.text}`,
  };
}

function verboseLines(result: JobResult): string[] {
  const lines = result.events.filter(seenByHost).map(({ at, packet, bytes }) => {
    const way = packet.from === 'host' ? 'outbound' : 'inbound ';
    return style.dim(`  ${way} ${(at / 1e6).toFixed(6).padStart(10)} ${packetText(bytes, 'short')}`);
  });
  const printed = visibleLines(result.output)
    .split('\n')
    .filter((line) => line !== '');
  return [...lines, ...printed.map((line) => `  ${line}`)];
}

/** A packet as tcpdump on the host sees it: what it sends when that leaves, the rest when it arrives. */
function seenByHost(event: WorldEvent): event is PacketEvent {
  return event.kind !== 'tcp' && event.kind === (event.packet.from === 'host' ? 'sent' : 'arrived');
}

/** The run as a ladder: the system under test on the left, the script on the right. */
function ladderOf(result: JobResult): string[] {
  if (result.events.length === 0) return [];
  const lines = ladder(result.events, {
    left: 'host',
    right: 'script',
    leftTitle: ['host under test'],
    rightTitle: ['script'],
    width: columns(120, 100),
    colour,
  });
  return ['', ...lines.map((line) => `  ${line}`), ''];
}

/** All packets as a pcapng file, with an interface for each run. */
export function captureOf(results: readonly JobResult[]): Uint8Array {
  const interfaces = results.map(({ file, ip }) => ({ name: `${file} (${ipNames[ip]})` }));
  const parts = [pcapngHeader(interfaces.length > 0 ? interfaces : [{}])];
  for (const [interfaceId, { events }] of results.entries()) {
    for (const event of events) {
      if (seenByHost(event)) {
        parts.push(pcapngPacket(BigInt(worldEpochUs + event.at) * 1000n, event.bytes, { interfaceId }));
      }
    }
  }
  return Buffer.concat(parts);
}
