/** `halfopen watch --pcap`: the SYNs, RSTs and ICMP errors around failures, and nothing else, as pcapng. */
import { readlinkSync } from 'node:fs';
import { networkNamespaces } from '../linux/processes.ts';
import { openSynTap, type SynTap } from '../linux/syn-tap.ts';
import { sys } from '../linux/sys.ts';
import type { Attempt } from '../watch/attempt.ts';
import { PacketRing } from '../watch/ring.ts';
import { pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import { OutputFile } from './output/file.ts';

/** How often the taps are read, in ms. */
const readEvery = 20;
/** How often new network namespaces are looked for, in ms. */
const lookEvery = 1000;

/** Keeps packets for a while, and writes those that belong to failures. */
export class WatchPcap {
  readonly #file: OutputFile;
  readonly #only: number | null;
  readonly #taps = new Map<number, SynTap>();
  readonly #ring = new PacketRing();
  readonly #timers: NodeJS.Timeout[];

  /**
   * @param only the inode of the one namespace to tap; null for all
   * @throws SysUnavailable without koffi
   */
  static open(name: string, only: number | null): WatchPcap {
    sys();
    return new WatchPcap(OutputFile.open(name), only);
  }

  private constructor(file: OutputFile, only: number | null) {
    this.#file = file;
    this.#only = only;
    file.write(pcapngHeader([{ name: 'halfopen watch' }]));
    this.#look();
    this.#timers = [setInterval(() => this.#read(), readEvery), setInterval(() => this.#look(), lookEvery)];
  }

  #look(): void {
    const spaces = networkNamespaces();
    for (const [space, pid] of spaces) {
      if (this.#taps.has(space) || (this.#only !== null && space !== this.#only)) continue;
      try {
        const path = `/proc/${pid}/ns/net`;
        readlinkSync(path);
        this.#taps.set(space, openSynTap(sys(), path, { sent: true }));
      } catch {
        // Its last process has just ended; if another one lives there, the next look finds it.
      }
    }
    for (const [space, tap] of this.#taps) {
      if (spaces.has(space)) continue;
      tap.close();
      this.#taps.delete(space);
    }
  }

  #read(): void {
    for (const tap of this.#taps.values()) tap.read((packet) => this.#ring.add(packet));
  }

  /** Writes the packets of a failed attempt. */
  keep(attempt: Attempt): void {
    this.#read();
    const comment = `${attempt.who?.name ?? '?'}: ${attempt.outcome} (${attempt.reason})`;
    for (const { time, bytes } of this.#ring.take(attempt)) {
      this.#file.write(pcapngPacket(BigInt(Math.round(time)) * 1000n, bytes, { comment }));
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const tap of this.#taps.values()) tap.close();
    this.#file.commit();
  }
}
