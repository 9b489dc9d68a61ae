/** Taps for SYNs, RSTs and ICMP errors in the network namespaces of this machine, those made later included. */
import { networkNamespaces } from '../linux/network-namespaces.ts';
import { openSynTap, type SynTap, type TappedPacket } from '../linux/syn-tap.ts';
import type { Sys } from '../linux/sys.ts';

/** Namespaces that are tapped at once; each costs a socket. */
const most = 256;
/** How often they are read, and how often new namespaces are looked for, in ms. */
const readEvery = 20;
const lookEvery = 1000;

/** Keeps a tap in each namespace, or in one. */
export class Taps {
  readonly #sys: Sys;
  readonly #only: number | null;
  readonly #taps = new Map<number, SynTap>();
  readonly #takers: ((namespace: number, packet: TappedPacket) => void)[] = [];
  readonly #timers: NodeJS.Timeout[];

  /** @param only the inode of the one namespace to tap; null for all */
  constructor(sys: Sys, only: number | null) {
    this.#sys = sys;
    this.#only = only;
    this.#look();
    this.#timers = [setInterval(() => this.read(), readEvery), setInterval(() => this.#look(), lookEvery)];
  }

  /** Who gets every packet from now on. */
  give(taker: (namespace: number, packet: TappedPacket) => void): void {
    this.#takers.push(taker);
  }

  /** Hands on what has arrived since. */
  read(): void {
    for (const [namespace, tap] of this.#taps) {
      tap.read((packet) => {
        for (const taker of this.#takers) taker(namespace, packet);
      });
    }
  }

  #look(): void {
    const spaces = networkNamespaces();
    for (const { inode, path } of spaces) {
      if (this.#taps.has(inode) || (this.#only !== null && inode !== this.#only)) continue;
      if (this.#taps.size >= most) break;
      try {
        this.#taps.set(inode, openSynTap(this.#sys, path, { sent: true }));
      } catch {
        // What lived there has just ended; if something else does, the next look finds it.
      }
    }
    const living = new Set(spaces.map(({ inode }) => inode));
    for (const [inode, tap] of this.#taps) {
      if (living.has(inode)) continue;
      tap.close();
      this.#taps.delete(inode);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const tap of this.#taps.values()) tap.close();
  }
}
