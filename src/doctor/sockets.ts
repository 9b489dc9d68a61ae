/**
 * The sockets of /proc/net/tcp and /proc/net/tcp6, in columns: a host can have hundreds of thousands, and an object a
 * socket would cost more time and memory than the reading. The line format is that of net/ipv4/tcp_ipv4.c
 * (get_tcp4_sock, get_openreq4, get_timewait4_sock) and net/ipv6/tcp_ipv6.c; the first twelve fields are the same in all.
 */

export { TcpState as state } from '../linux/tcp-state.ts';

/** The names of the states by number, as RFC 9293 writes them. */
export const stateNames: readonly string[] = [
  'unknown',
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];

/** The value of the timer column when the retransmission timer runs. */
export const retransmissionTimer = 1;

/** The sockets, a column a field; row i of every column is the same socket. Addresses take four words a row. */
export interface Sockets {
  readonly length: number;
  readonly state: Uint8Array;
  /** Four words in network order a row; IPv4 as ::ffff:a.b.c.d, so that both families compare alike. */
  readonly localAddress: Uint32Array;
  readonly localPort: Uint16Array;
  readonly remoteAddress: Uint32Array;
  readonly remotePort: Uint16Array;
  /** Bytes written and not yet acknowledged. */
  readonly sendQueue: Uint32Array;
  /** Bytes not yet read; for a listener the connections waiting for accept(). */
  readonly receiveQueue: Uint32Array;
  /** Which timer runs: 0 none, 1 retransmission, 2 keep-alive, 3 TIME-WAIT, 4 zero window probe. */
  readonly timer: Uint8Array;
  /** Time-outs in a row without an answer; 255 stands for 255 and more. */
  readonly retransmits: Uint8Array;
  /** The socket's inode number; 0 if no process holds it. */
  readonly inode: Float64Array;
}

const columns = (capacity: number): Omit<Sockets, 'length'> => ({
  state: new Uint8Array(capacity),
  localAddress: new Uint32Array(capacity * 4),
  localPort: new Uint16Array(capacity),
  remoteAddress: new Uint32Array(capacity * 4),
  remotePort: new Uint16Array(capacity),
  sendQueue: new Uint32Array(capacity),
  receiveQueue: new Uint32Array(capacity),
  timer: new Uint8Array(capacity),
  retransmits: new Uint8Array(capacity),
  inode: new Float64Array(capacity),
});

const newline = 10;
const space = 32;
const colon = 58;
/** The value of a hexadecimal digit by its character code; 255 for every other byte. */
const digits = new Uint8Array(256).fill(255);
for (const [index, digit] of [...'0123456789abcdef'].entries()) {
  digits[digit.charCodeAt(0)] = index;
  digits[digit.toUpperCase().charCodeAt(0)] = index;
}

/** Reads lines of /proc/net/tcp and /proc/net/tcp6 into columns. A line it does not know is counted and passed over. */
export class SocketParser {
  /** Lines that were neither a header nor a socket. */
  unknownLines = 0;
  #columns = columns(1024);
  #length = 0;
  #littleEndian: boolean;
  // The cursor over the line that is being read, and whether it met something that does not belong there.
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bad = false;

  /** @param littleEndian the byte order of the machine that wrote the lines: addresses are printed as its words */
  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  /** How many sockets were read so far. */
  get length(): number {
    return this.#length;
  }

  /** The sockets read so far. */
  get sockets(): Sockets {
    return { length: this.#length, ...this.#columns };
  }

  /**
   * Reads every whole line of bytes[0, end).
   * @returns how many bytes were used: the rest is the beginning of a line, to be given again with what follows
   */
  push(bytes: Uint8Array, end: number): number {
    this.#bytes = bytes;
    let start = 0;
    for (;;) {
      const stop = bytes.indexOf(newline, start);
      if (stop < 0 || stop >= end) return start;
      this.#at = start;
      this.#line(stop);
      start = stop + 1;
    }
  }

  #line(stop: number): void {
    this.#bad = false;
    this.#skipSpaces();
    if (this.#at >= stop) return;
    // The header starts with "sl", a socket with its number and a colon.
    if (this.#bytes[this.#at] === 115 && this.#bytes[this.#at + 1] === 108) return;
    this.#decimal();
    this.#expect(colon);
    if (this.#length === this.#columns.state.length) this.#grow();
    const row = this.#length;
    const into = this.#columns;
    this.#skipSpaces();
    this.#address(into.localAddress, row);
    into.localPort[row] = this.#hex(0xffff);
    this.#skipSpaces();
    this.#address(into.remoteAddress, row);
    into.remotePort[row] = this.#hex(0xffff);
    this.#skipSpaces();
    into.state[row] = this.#hex(0xff);
    this.#skipSpaces();
    into.sendQueue[row] = this.#hex();
    this.#expect(colon);
    into.receiveQueue[row] = this.#hex();
    this.#skipSpaces();
    into.timer[row] = this.#hex(0xff);
    this.#expect(colon);
    this.#hex(Number.POSITIVE_INFINITY); // when the timer expires
    this.#skipSpaces();
    into.retransmits[row] = Math.min(this.#hex(), 255);
    this.#skipSpaces();
    this.#decimal(); // user
    this.#skipSpaces();
    this.#decimal(); // zero window probes
    this.#skipSpaces();
    into.inode[row] = this.#decimal();
    if (this.#bad || this.#at > stop) this.unknownLines++;
    else this.#length++;
  }

  #skipSpaces(): void {
    while (this.#bytes[this.#at] === space) this.#at++;
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] === byte) this.#at++;
    else this.#bad = true;
  }

  /** The value of the digit under the cursor; 255 if there is none. */
  #digit(): number {
    return digits[this.#bytes[this.#at]!] ?? 255;
  }

  /** @param most what fits into the column: of more, a part would look like another value */
  #hex(most = 0xffff_ffff): number {
    const start = this.#at;
    let value = 0;
    let digit = this.#digit();
    while (digit < 16) {
      value = value * 16 + digit;
      this.#at++;
      digit = this.#digit();
    }
    if (this.#at === start || value > most) this.#bad = true;
    return value;
  }

  #decimal(): number {
    const start = this.#at;
    let value = 0;
    let digit = this.#digit();
    while (digit < 10) {
      value = value * 10 + digit;
      this.#at++;
      digit = this.#digit();
    }
    if (this.#at === start) this.#bad = true;
    return value;
  }

  /** Reads 8 or 32 digits and the colon after them into the four words of a row. */
  #address(into: Uint32Array, row: number): void {
    const first = this.#word();
    if (this.#bytes[this.#at] === colon) {
      into[row * 4] = 0;
      into[row * 4 + 1] = 0;
      into[row * 4 + 2] = 0xffff;
      into[row * 4 + 3] = first;
    } else {
      into[row * 4] = first;
      for (let word = 1; word < 4; word++) into[row * 4 + word] = this.#word();
    }
    this.#expect(colon);
  }

  #word(): number {
    let value = 0;
    for (let i = 0; i < 8; i++) {
      const digit = this.#digit();
      if (digit > 15) {
        this.#bad = true;
        return 0;
      }
      value = (value << 4) | digit;
      this.#at++;
    }
    if (!this.#littleEndian) return value >>> 0;
    const swapped = (value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff0000) | (value << 24);
    return swapped >>> 0;
  }

  #grow(): void {
    const old = this.#columns;
    const grown = columns(old.state.length * 2);
    for (const name of Object.keys(old) as (keyof typeof old)[]) grown[name].set(old[name]);
    this.#columns = grown;
  }
}

/** Whether a row's address, at this offset in its column, belongs to IPv4 (an IPv6 socket can carry IPv4 as well). */
export function isIPv4(addresses: Uint32Array, row: number): boolean {
  const at = row * 4;
  return addresses[at] === 0 && addresses[at + 1] === 0 && addresses[at + 2] === 0xffff;
}

/** Whether a row's address is one of the host's loopback addresses: 127.0.0.0/8 or ::1. */
export function isLoopback(addresses: Uint32Array, row: number): boolean {
  const at = row * 4;
  if (isIPv4(addresses, row)) return addresses[at + 3]! >>> 24 === 127;
  return addresses[at] === 0 && addresses[at + 1] === 0 && addresses[at + 2] === 0 && addresses[at + 3] === 1;
}

/** A row's address in text: 192.0.2.1, or RFC 5952's shortest form such as 2001:db8::1. */
export function addressText(addresses: Uint32Array, row: number): string {
  const words = addresses.subarray(row * 4, row * 4 + 4);
  if (isIPv4(addresses, row)) return [24, 16, 8, 0].map((shift) => (words[3]! >>> shift) & 0xff).join('.');
  const groups = [...words].flatMap((word) => [word >>> 16, word & 0xffff]);
  let [start, length] = [0, 0];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const text = (some: number[]): string => some.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** An address and a port in text: 192.0.2.1:80 or [2001:db8::1]:80. */
export function endpointText(addresses: Uint32Array, ports: Uint16Array, row: number): string {
  const address = addressText(addresses, row);
  return isIPv4(addresses, row) ? `${address}:${ports[row]}` : `[${address}]:${ports[row]}`;
}
