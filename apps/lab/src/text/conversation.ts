/** How a packet stands to those before it: whose numbers it continues, how its window is scaled, whether it is a repeat. */
import { formatEndpoint } from '../../../../src/wire/address.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { Flag, protocolTcp, type TcpSegment } from '../../../../src/wire/tcp.ts';
import { segmentOf } from './describe.ts';

/** What one direction has shown in its SYN. */
export interface Side {
  readonly isn: number | null;
  readonly shift: number | null;
}

export interface Standing {
  readonly segment: TcpSegment;
  /** Address and port. */
  readonly source: string;
  readonly destination: string;
  readonly own: Side;
  readonly other: Side;
  /** Whether the same sequence numbers were sent before, by a segment of the same kind. */
  readonly again: boolean;
  /** Whether a SYN+ACK has the number of a SYN that went before it: the connection is opened from both sides. */
  readonly crossed: boolean;
}

/** How many sequence numbers a segment takes. */
export const consumes = ({ flags, payload }: TcpSegment): number =>
  payload.length + (flags & Flag.syn ? 1 : 0) + (flags & Flag.fin ? 1 : 0);

const nothing: Side = { isn: null, shift: null };

/** A four-tuple's packets so far, by direction. After a RST or both FINs a SYN begins anew. */
interface Talk {
  readonly sides: Map<string, Side>;
  readonly seen: Set<string>;
  readonly finished: Set<string>;
  over: boolean;
}

/** Takes a run's packets in order. */
export class Conversations {
  private readonly talks = new Map<string, Talk>();

  /** Notes a packet; null for what is no whole TCP segment. */
  take(bytes: Uint8Array): Standing | null {
    const segment = segmentOf(bytes);
    if (segment === null) return null;
    const ip = decodeIp(bytes);
    if (ip.protocol !== protocolTcp) return null;
    const source = formatEndpoint(ip.source, segment.sourcePort);
    const destination = formatEndpoint(ip.destination, segment.destinationPort);
    const talk = this.talkOf(source, destination, segment);
    const number = `${source} ${segment.seq} ${segment.flags & (Flag.syn | Flag.fin | Flag.ack)}`;
    const again = consumes(segment) > 0 && talk.seen.has(number);
    const synAck = Flag.syn | Flag.ack;
    const crossed =
      (segment.flags & synAck) === synAck && talk.seen.has(`${source} ${segment.seq} ${Flag.syn}`);
    if (consumes(segment) > 0) talk.seen.add(number);
    if (segment.flags & Flag.syn) {
      const scale = segment.options.find((option) => option.kind === 'windowScale');
      talk.sides.set(source, { isn: segment.seq, shift: scale?.shift ?? null });
    }
    if (segment.flags & Flag.fin) talk.finished.add(source);
    if (segment.flags & Flag.rst || talk.finished.size === 2) talk.over = true;
    const side = (end: string): Side => talk.sides.get(end) ?? nothing;
    return { segment, source, destination, own: side(source), other: side(destination), again, crossed };
  }

  private talkOf(source: string, destination: string, { flags }: TcpSegment): Talk {
    const key = [source, destination].sort().join(' ');
    const known = this.talks.get(key);
    const opens = (flags & (Flag.syn | Flag.ack)) === Flag.syn;
    if (known !== undefined && !(known.over && opens)) return known;
    const talk = { sides: new Map(), seen: new Set<string>(), finished: new Set<string>(), over: false };
    this.talks.set(key, talk);
    return talk;
  }
}

/** By how many bits a segment's window counts: none in a SYN, and none unless both SYNs offered it (RFC 7323, 2.2). */
export const windowShift = ({ segment, own, other }: Standing): number =>
  segment.flags & Flag.syn || own.shift === null || other.shift === null ? 0 : own.shift;
