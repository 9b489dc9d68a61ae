/**
 * What becomes of the SYNs, and of the answers to its own, that arrive at a host: answered, refused, passed on, or nothing.
 * An initial sequence number names a SYN, since address translation changes all else. Pure: packets in, losses out.
 */
import { formatAddress, ipv6 } from '../wire/address.ts';
import type { TappedPacket } from './syn-tap.ts';

/** Something that arrived and of which nothing came, or only a refusal. */
export interface Loss {
  /** When it came first, µs of the packets' clock. */
  readonly at: number;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly device: number;
  times: number;
  /** It is a SYN,ACK. */
  readonly answer: boolean;
  /** What the kernel said of the drop that followed it at once; null if none was seen. */
  word: string | null;
  /** This host refused it, by an RST or an ICMP error; null: nothing came of it. */
  refused: 'rst' | 'icmp' | null;
}

/** What is taken from a packet. */
interface Segment {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly refusal: 'rst' | 'icmp';
}

/** How long what should follow a SYN is waited for, µs: far longer than it takes, shorter than until it is sent again. */
const patience = 150_000;
/** How far from the arrival of a packet its drop may be told, µs. */
const dropBefore = 50;
const dropAfter = 1000;
/** SYNs that are followed at once; more are passed over. */
const most = 20_000;

const flag = { syn: 2, rst: 4, ack: 16 } as const;

/** Drops that the kernel has told of, for all networks of a machine: it does not say of which one each was. */
export class Drops {
  readonly #drops: { readonly at: number; readonly word: string }[] = [];

  /** @param at µs of the packets' clock */
  add(at: number, word: string): void {
    if (this.#drops.length < most) this.#drops.push({ at, word });
  }

  /** The drop nearest to a time, which then is nobody else's; null if none is near, or several of different kinds are. */
  take(at: number): string | null {
    let best = -1;
    for (const [index, drop] of this.#drops.entries()) {
      const after = drop.at - at;
      if (after < -dropBefore || after > dropAfter) continue;
      if (best >= 0 && drop.word !== this.#drops[best]!.word) return null;
      if (best < 0 || Math.abs(after) < Math.abs(this.#drops[best]!.at - at)) best = index;
    }
    return best < 0 ? null : this.#drops.splice(best, 1)[0]!.word;
  }

  /** Forgets those before a time. */
  forget(before: number): void {
    while (this.#drops.length > 0 && this.#drops[0]!.at < before) this.#drops.shift();
  }
}

/** Follows what arrives in one network. */
export class Arrivals {
  /** Packets that were not followed because there were too many. */
  passedOver = 0;
  readonly #waiting = new Map<number, Loss>();
  readonly #refused: Loss[] = [];
  readonly #answers = new Map<number, Loss>();
  readonly #drops: Drops;

  constructor(drops: Drops) {
    this.#drops = drops;
  }

  /** A packet, in their order. */
  see(packet: TappedPacket): void {
    const segment = segmentOf(packet);
    if (segment === null) return;
    const { flags, seq, ack } = segment;
    if ((flags & flag.rst) !== 0) {
      if (packet.outgoing) this.#refuse((ack - 1) >>> 0, segment.refusal);
    } else if ((flags & flag.ack) === 0) this.#syn(packet, segment, seq);
    else this.#answer(packet, segment, (ack - 1) >>> 0);
  }

  #syn(packet: TappedPacket, segment: Segment, isn: number): void {
    if (packet.outgoing) this.#waiting.delete(isn);
    else if (packet.forUs) this.#note(this.#waiting, isn, packet, segment, false);
  }

  #answer(packet: TappedPacket, segment: Segment, isn: number): void {
    if (packet.outgoing) {
      this.#waiting.delete(isn);
      this.#answers.delete(isn);
    } else if (packet.forUs) this.#note(this.#answers, isn, packet, segment, true);
  }

  #refuse(isn: number, refused: 'rst' | 'icmp'): void {
    const loss = this.#waiting.get(isn);
    if (loss === undefined) return;
    this.#waiting.delete(isn);
    if (this.#refused.length < most) this.#refused.push({ ...loss, refused });
  }

  #note(into: Map<number, Loss>, isn: number, packet: TappedPacket, segment: Segment, answer: boolean): void {
    const known = into.get(isn);
    if (known !== undefined) {
      known.times++;
      return;
    }
    if (into.size >= most) {
      this.passedOver++;
      return;
    }
    const { from, to, fromPort, toPort } = segment;
    const { time: at, device } = packet;
    into.set(isn, { at, from, to, fromPort, toPort, device, answer, times: 1, word: null, refused: null });
  }

  /**
   * Takes out what was refused and what has waited long enough, with the kernel's word where a drop followed it at once.
   * @param now µs of the packets' clock
   */
  settle(now: number): Loss[] {
    const losses = this.#refused.splice(0);
    for (const loss of losses) loss.word = this.#drops.take(loss.at);
    for (const map of [this.#waiting, this.#answers]) {
      for (const [isn, loss] of map) {
        if (now - loss.at <= patience) continue;
        map.delete(isn);
        loss.word = this.#drops.take(loss.at);
        losses.push(loss);
      }
    }
    return losses;
  }
}

/** The TCP segment of a packet; of an ICMP error that is sent, an RST in its place: what it quotes was refused. */
function segmentOf({ bytes, family, outgoing }: TappedPacket): Segment | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ip = ipOf(view, family);
  if (ip === null) return null;
  if (ip.protocol === 6) return tcpOf(view, ip);
  if (!outgoing || (ip.protocol !== 1 && ip.protocol !== 58)) return null;
  const quoted = new DataView(view.buffer, view.byteOffset + Math.min(ip.next + 8, view.byteLength));
  const end = Math.max(0, view.byteLength - ip.next - 8);
  const inner = ipOf(new DataView(quoted.buffer, quoted.byteOffset, end), family);
  if (inner === null || inner.protocol !== 6 || end < inner.next + 8) return null;
  const seq = quoted.getUint32(inner.next + 4);
  const { from, to } = ip;
  const ack = (seq + 1) >>> 0;
  return { from, to, fromPort: 0, toPort: 0, seq: 0, ack, flags: flag.rst, refusal: 'icmp' };
}

interface IpHeader {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  /** Where what follows the header begins. */
  readonly next: number;
}

function ipOf(view: DataView, family: 4 | 6): IpHeader | null {
  if (view.byteLength < (family === 4 ? 20 : 40)) return null;
  if (family === 4) {
    const text = (at: number): string =>
      `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
    const next = (view.getUint8(0) & 15) * 4;
    return { from: text(12), to: text(16), protocol: view.getUint8(9), next };
  }
  const text = (at: number): string =>
    formatAddress(
      ipv6(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)),
    );
  return { from: text(8), to: text(24), protocol: view.getUint8(6), next: 40 };
}

function tcpOf(view: DataView, { from, to, next }: IpHeader): Segment | null {
  if (view.byteLength < next + 14) return null;
  return {
    from,
    to,
    fromPort: view.getUint16(next),
    toPort: view.getUint16(next + 2),
    seq: view.getUint32(next + 4),
    ack: view.getUint32(next + 8),
    flags: view.getUint8(next + 13),
    refusal: 'rst',
  };
}
