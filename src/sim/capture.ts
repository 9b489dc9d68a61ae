/** A capture at one end of a link, as tcpdump on that host would see it, and the pcapng file of it. */
import { concatenate, pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import type { WorldEvent } from './events.ts';
import type { World } from './world.ts';

/** Unix time in µs of a world's beginning: 2026-01-01T00:00:00Z. */
export const worldEpochUs = 1_767_225_600_000_000;

/** One packet seen. */
export interface CapturedPacket {
  /** µs on the world's clock. */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** What a reader should know and the bytes do not say, such as that it was lost afterwards. */
  comment?: string;
}

/** Collects what passes one end of a link from its making on. */
export class Capture {
  readonly packets: CapturedPacket[] = [];
  private readonly link: string;
  private readonly node: string;

  /** @param node the end at which to look: packets it sends are seen when they leave, others when they arrive */
  constructor(world: World, link: string, node: string) {
    this.link = link;
    this.node = node;
    world.watch((event) => this.see(event));
  }

  private see(event: WorldEvent): void {
    if (event.kind === 'tcp' || event.packet.link !== this.link) return;
    const own = event.packet.from === this.node;
    if (event.kind === 'lost') {
      const last = this.packets.at(-1);
      if (own && last !== undefined) last.comment = `lost on the way (${event.cause})`;
    } else if (event.kind === 'sent' ? own : event.to === this.node && !own) {
      this.packets.push({ at: event.at, bytes: event.bytes });
    }
  }

  /**
   * The capture as a pcapng file of raw IP packets.
   * @param epochUs Unix time of the world's beginning, µs
   */
  toPcapng(epochUs: number = worldEpochUs): Uint8Array {
    const parts = [pcapngHeader([{ name: this.link }])];
    for (const { at, bytes, comment } of this.packets)
      parts.push(pcapngPacket(BigInt(epochUs + at) * 1000n, bytes, comment === undefined ? {} : { comment }));
    return concatenate(parts);
  }
}
