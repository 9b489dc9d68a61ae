/** Packets of the last moments, to be looked up by the attempt that they belong to. Pure. */

interface Packet {
  /** µs since 1970. */
  readonly time: number;
  readonly family: 4 | 6;
  /** From the IP header on. */
  readonly bytes: Uint8Array;
}

/** Packets kept: more than half a minute of a busy machine's failures, and 2.5 MB at most. */
const mostKept = 8192;

/** Keeps packets, the oldest of which make room. */
export class PacketRing {
  #packets: (Packet & { ports: string })[] = [];

  add(packet: Packet): void {
    const ports = portsOf(packet.bytes, packet.family);
    if (ports === null) return;
    this.#packets.push({ ...packet, ports });
    if (this.#packets.length > 2 * mostKept) this.#packets = this.#packets.slice(-mostKept);
  }

  /** Takes out the packets between the two ends of an attempt, in either direction, and the ICMP errors about them. */
  take({ from, to, at }: { readonly from: string; readonly to: string; readonly at: number }): Packet[] {
    const [a, b] = [portOf(from), portOf(to)];
    const begun = at * 1000 - 1_000_000;
    const belongs = ({ ports, time }: Packet & { ports: string }): boolean =>
      time >= begun && (ports === `${a} ${b}` || ports === `${b} ${a}`);
    const found = this.#packets.filter(belongs);
    this.#packets = this.#packets.filter((packet) => !belongs(packet));
    return found;
  }
}

const portOf = (endpoint: string): string => endpoint.slice(endpoint.lastIndexOf(':') + 1);

/** The ports of a segment, or of the one that an ICMP error quotes. */
function portsOf(bytes: Uint8Array, family: 4 | 6): string | null {
  const header = family === 4 ? (bytes[0]! & 15) * 4 : 40;
  const protocol = bytes[family === 4 ? 9 : 6];
  if (protocol === 6) return twoPorts(bytes, header);
  const quoted = header + 8;
  const inner = family === 4 ? (bytes[quoted]! & 15) * 4 : 40;
  return twoPorts(bytes, quoted + inner);
}

function twoPorts(bytes: Uint8Array, at: number): string | null {
  if (at + 4 > bytes.length) return null;
  return `${bytes[at]! * 256 + bytes[at + 1]!} ${bytes[at + 2]! * 256 + bytes[at + 3]!}`;
}
