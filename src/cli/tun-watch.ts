/** What `halfopen tun` shows of the packets: a ladder as they pass, and a capture. */
import type { Host } from '../host/host.ts';
import type { TunPacket } from '../linux/tun-host.ts';
import type { TraceEvent } from '../tcp/trace.ts';
import { pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import { packetText } from '../wire/text.ts';
import { OutputFile } from './output/file.ts';
import { printError } from './output/print.ts';

const width = 76;

/** A packet's text; what does not decode is shown as such. */
function textOf(bytes: Uint8Array): string {
  try {
    return packetText(bytes, 'short');
  } catch {
    return `${bytes.length} B`;
  }
}

export class TunWatch {
  /** Whether anything is to be shown or kept. */
  readonly wanted: boolean;
  private readonly ladder: boolean;
  private readonly capture: OutputFile | null;
  private readonly epochNs = BigInt(Date.now()) * 1_000_000n;
  private lastUs = 0;

  /** @throws WriteError if the capture cannot be written */
  constructor(ladder: boolean, pcap: string | null) {
    this.ladder = ladder;
    this.capture = pcap === null ? null : OutputFile.open(pcap);
    this.capture?.write(pcapngHeader([{ name: 'tun' }]));
    this.wanted = ladder || pcap !== null;
  }

  /** Draws the changes of state of a host's connections too. */
  follow(host: Host): void {
    if (!this.ladder) return;
    printError(`${' '.repeat(12)}kernel │${' '.repeat(width + 2)}│ halfopen\n`);
    host.trace = (event: TraceEvent): void => {
      if (event.kind === 'state' && event.to !== undefined && event.remotePort !== 0)
        this.line('', `${event.to} :${event.remotePort}`);
    };
  }

  packet({ atUs, direction, bytes }: TunPacket): void {
    this.lastUs = atUs;
    this.capture?.write(pcapngPacket(this.epochNs + BigInt(atUs) * 1000n, bytes));
    if (!this.ladder) return;
    const text = textOf(bytes).slice(0, width - 5);
    const dashes = '─'.repeat(Math.max(2, width - 3 - text.length));
    this.line(direction === 'in' ? `── ${text} ${dashes}▶` : `◀${dashes} ${text} ──`, '');
  }

  private line(middle: string, right: string): void {
    const time = (this.lastUs / 1000).toFixed(3).padStart(10);
    printError(`${time} ms      │${middle.padEnd(width + 2)}│ ${right}\n`);
  }

  /** Completes the capture. @throws WriteError */
  end(): void {
    this.capture?.commit();
  }
}
