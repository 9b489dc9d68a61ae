/**
 * Text as bytes, in one buffer that is handed on whenever it is full: millions of lines without a string for each. What is known
 * beforehand is copied eight bytes at a time, digits come from tables three at a time.
 */

/** Three digits and a space of each number below 1,000: without and with leading zeros. */
const digits = new Int32Array(1000);
const zeros = new Int32Array(1000);
/** An IPv4 address's numbers with a dot behind. */
const octets = new Int32Array(256);

/** Up to four characters as a word that is written with the lowest byte first. */
function wordOf(text: string): number {
  let word = 0;
  for (let n = 0; n < text.length; n++) word |= text.charCodeAt(n) << (8 * n);
  return word;
}

for (let n = 0; n < 1000; n++) {
  digits[n] = wordOf(String(n));
  zeros[n] = wordOf(String(n).padStart(3, '0'));
  if (n < 256) octets[n] = wordOf(`${n}.`);
}

// Everywhere, but not declared where neither Node nor a browser is taken for granted.
declare const TextEncoder: new () => {
  encode(text: string): Uint8Array;
  encodeInto(text: string, to: Uint8Array): { written: number };
};
const utf8 = new TextEncoder();

/** Text that is written again and again: its bytes, eight in a number. */
export interface Piece {
  readonly length: number;
  readonly eights: Float64Array;
}

/**
 * Makes a piece. The numbers are only moved; none can be a NaN, which alone might change on the way: UTF-8 has no byte from F0 on
 * with 7F behind it.
 */
export function piece(text: string): Piece {
  const bytes = utf8.encode(text);
  const whole = new Uint8Array((bytes.length + 7) & ~7);
  whole.set(bytes);
  const view = new DataView(whole.buffer);
  const eights = new Float64Array(whole.length / 8);
  for (let n = 0; n < eights.length; n++) eights[n] = view.getFloat64(n << 3, true);
  return { length: bytes.length, eights };
}

/** So many bytes may be written behind what was asked for, which are then written over. */
const OVERRUN = 8;

/** The buffer. Room is made by {@link reserve}; what writes after it does not look. */
export class LineBuffer {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly size: number;
  private used = 0;
  private readonly write: (bytes: Uint8Array) => void;

  /** @param write takes what is full; the bytes are not its own afterwards */
  constructor(write: (bytes: Uint8Array) => void, size: number = 1 << 18) {
    this.write = write;
    this.size = size;
    this.bytes = new Uint8Array(size + OVERRUN);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Hands on what is there. */
  flush(): void {
    if (this.used > 0) this.write(this.bytes.subarray(0, this.used));
    this.used = 0;
  }

  /** Makes room for so many bytes, at most the buffer's size. */
  reserve(size: number): void {
    if (this.used + size > this.size) this.flush();
  }

  /** A text of any length, and a line feed. */
  line(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = text.length * 3 + 1;
    if (most > this.size) {
      this.flush();
      this.write(utf8.encode(`${text}\n`));
      return;
    }
    this.reserve(most);
    this.used += utf8.encodeInto(text, this.bytes.subarray(this.used)).written;
    this.bytes[this.used++] = 10;
  }

  piece({ eights, length }: Piece): void {
    const { view, used } = this;
    for (let n = 0; n < eights.length; n++) view.setFloat64(used + (n << 3), eights[n]!, true);
    this.used = used + length;
  }

  /** Characters below 128. */
  ascii(text: Uint8Array): void {
    const { bytes, used } = this;
    for (let n = 0; n < text.length; n++) bytes[used + n] = text[n]!;
    this.used = used + text.length;
  }

  byte(value: number): void {
    this.bytes[this.used++] = value;
  }

  /** A whole number from 0 to 2^53. */
  whole(value: number): void {
    if (value < 1000) {
      this.view.setInt32(this.used, digits[value]!, true);
      this.used += value < 10 ? 1 : value < 100 ? 2 : 3;
      return;
    }
    const upper = value <= 0x7fffffff ? ((value | 0) / 1000) | 0 : Math.floor(value / 1000);
    this.whole(upper);
    this.three(value - upper * 1000);
  }

  /** Three digits of a number below 1,000. */
  three(value: number): void {
    this.view.setInt32(this.used, zeros[value]!, true);
    this.used += 3;
  }

  /** Six digits of a number below 1,000,000. */
  six(value: number): void {
    const upper = (value / 1000) | 0;
    this.three(upper);
    this.three(value - upper * 1000);
  }

  /** An IPv4 address. */
  ipv4(address: number): void {
    this.octet(address >>> 24);
    this.octet((address >>> 16) & 255);
    this.octet((address >>> 8) & 255);
    this.octet(address & 255);
    this.used--;
  }

  private octet(value: number): void {
    this.view.setInt32(this.used, octets[value]!, true);
    this.used += value < 10 ? 2 : value < 100 ? 3 : 4;
  }
}
