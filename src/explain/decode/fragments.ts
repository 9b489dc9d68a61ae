/**
 * Puts IP fragments together (RFC 791 section 3.2, RFC 8200 section 4.5). Bounded: the oldest unfinished datagram makes room.
 * Where fragments overlap, what came first stays.
 */

const MAX_DATAGRAMS = 256;
const MAX_PAYLOAD = 65_535;

interface Datagram {
  bytes: Uint8Array;
  /** Of each 8-byte unit of the payload, whether it has come. */
  readonly units: Uint8Array;
  readonly headerLength: number;
  present: number;
  /** Payload length, once the last fragment has come; -1 before. */
  total: number;
}

/** Collects fragments of any number of datagrams. */
export class Reassembler {
  /** How many datagrams were given up because others needed the room. */
  abandoned = 0;
  private readonly datagrams = new Map<string, Datagram>();

  /**
   * Adds one fragment.
   * @param key what the fragments of a datagram have in common
   * @param header the IP header to put in front of the whole (that of the first fragment to come)
   * @param offset where in the payload it belongs, in bytes
   * @param more whether further fragments follow
   * @returns header and whole payload if this was the last piece missing, otherwise null
   */
  add(
    key: string,
    header: Uint8Array,
    payload: Uint8Array,
    offset: number,
    more: boolean,
  ): Uint8Array | null {
    const length = payload.length;
    if (length === 0 || offset + length > MAX_PAYLOAD) return null;
    let datagram = this.datagrams.get(key);
    if (datagram === undefined) {
      this.makeRoom();
      const bytes = new Uint8Array(header.length + 2048);
      bytes.set(header);
      datagram = { bytes, units: new Uint8Array(8192), headerLength: header.length, present: 0, total: -1 };
      this.datagrams.set(key, datagram);
    }
    if (!more) datagram.total = offset + length;
    copy(datagram, payload, offset);
    const { total } = datagram;
    if (total < 0 || datagram.present < (total + 7) >> 3) return null;
    this.datagrams.delete(key);
    return datagram.bytes.subarray(0, datagram.headerLength + total);
  }

  private makeRoom(): void {
    if (this.datagrams.size < MAX_DATAGRAMS) return;
    const oldest = this.datagrams.keys().next().value;
    if (oldest !== undefined) this.datagrams.delete(oldest);
    this.abandoned++;
  }
}

function copy(datagram: Datagram, payload: Uint8Array, offset: number): void {
  const needed = datagram.headerLength + offset + payload.length;
  if (datagram.bytes.length < needed) {
    const bytes = new Uint8Array(Math.max(needed, datagram.bytes.length * 2));
    bytes.set(datagram.bytes);
    datagram.bytes = bytes;
  }
  for (let from = 0; from < payload.length; from += 8) {
    const unit = (offset + from) >> 3;
    if (datagram.units[unit] === 1) continue;
    datagram.units[unit] = 1;
    datagram.present++;
    datagram.bytes.set(payload.subarray(from, from + 8), datagram.headerLength + offset + from);
  }
}
