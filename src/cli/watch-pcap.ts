/** `halfopen watch --pcap`: the SYNs, RSTs and ICMP errors around failures, and nothing else, as pcapng. */
import type { Attempt } from '../watch/attempt.ts';
import { PacketRing } from '../watch/ring.ts';
import type { Taps } from '../watch/taps.ts';
import { pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import { OutputFile } from './output/file.ts';

/** Keeps packets for a while, and writes those that belong to failures. */
export class WatchPcap {
  readonly #file: OutputFile;
  readonly #taps: Taps;
  readonly #ring = new PacketRing();

  constructor(name: string, taps: Taps) {
    this.#file = OutputFile.open(name);
    this.#taps = taps;
    this.#file.write(pcapngHeader([{ name: 'halfopen watch' }]));
    taps.give((_, packet) => this.#ring.add(packet));
  }

  /** Writes the packets of a failed attempt. */
  keep(attempt: Attempt): void {
    this.#taps.read();
    const comment = `${attempt.who?.name ?? '?'}: ${attempt.outcome} (${attempt.reason})`;
    for (const { time, bytes } of this.#ring.take(attempt)) {
      this.#file.write(pcapngPacket(BigInt(Math.round(time)) * 1000n, bytes, { comment }));
    }
  }

  close(): void {
    this.#file.commit();
  }
}
