/** Text as bytes, in one buffer that is handed on whenever it is full: millions of lines without a string for each. */

/** Two decimal digits of each number below 100, and how an IPv4 address's four numbers are written: length, then digits. */
const pairs = new Uint8Array(200);
const octets = new Uint8Array(1024);
for (let n = 0; n < 256; n++) {
  if (n < 100) pairs.set([48 + Math.floor(n / 10), 48 + (n % 10)], n * 2);
  const text = String(n);
  octets[n * 4] = text.length;
  for (let k = 0; k < text.length; k++) octets[n * 4 + 1 + k] = text.charCodeAt(k);
}

// Everywhere, but not declared where neither Node nor a browser is taken for granted.
declare const TextEncoder: new () => {
  encode(text: string): Uint8Array;
  encodeInto(text: string, to: Uint8Array): { written: number };
};
const utf8 = new TextEncoder();

/** Text that is written again and again. */
export const encoded = (text: string): Uint8Array => utf8.encode(text);

/** The buffer. Room is made by {@link reserve}; what writes after it does not look. */
export class LineBuffer {
  private readonly bytes: Uint8Array;
  private used = 0;
  private readonly write: (bytes: Uint8Array) => void;

  /** @param write takes what is full; the bytes are not its own afterwards */
  constructor(write: (bytes: Uint8Array) => void, size: number = 1 << 18) {
    this.write = write;
    this.bytes = new Uint8Array(size);
  }

  /** Hands on what is there. */
  flush(): void {
    if (this.used > 0) this.write(this.bytes.subarray(0, this.used));
    this.used = 0;
  }

  /** Makes room for so many bytes, at most the buffer's size. */
  reserve(size: number): void {
    if (this.used + size > this.bytes.length) this.flush();
  }

  /** A text of any length, and a line feed. */
  line(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = text.length * 3 + 1;
    if (most > this.bytes.length) {
      this.flush();
      this.write(encoded(`${text}\n`));
      return;
    }
    this.reserve(most);
    this.used += utf8.encodeInto(text, this.bytes.subarray(this.used)).written;
    this.bytes[this.used++] = 10;
  }

  piece(text: Uint8Array): void {
    const { bytes } = this;
    let { used } = this;
    // A call of set costs as much as copying about 60 bytes here.
    if (text.length > 60) {
      bytes.set(text, used);
      used += text.length;
    } else for (let n = 0; n < text.length; n++) bytes[used++] = text[n]!;
    this.used = used;
  }

  byte(value: number): void {
    this.bytes[this.used++] = value;
  }

  /** A whole number from 0 to 2^53. */
  whole(value: number): void {
    if (value < 100) {
      if (value >= 10) this.bytes[this.used++] = pairs[value * 2]!;
      this.bytes[this.used++] = pairs[value * 2 + 1]!;
      return;
    }
    let digits = 3;
    for (let limit = 1000; value >= limit; limit *= 10) digits++;
    this.padded(value, digits);
  }

  /** A whole number with zeros in front, to so many digits. */
  padded(value: number, digits: number): void {
    const { bytes } = this;
    const end = this.used + digits;
    let at = end;
    let rest = value;
    while (rest > 0x7fffffff) {
      const upper = Math.floor(rest / 10);
      bytes[--at] = 48 + (rest - upper * 10);
      rest = upper;
    }
    rest |= 0;
    while (at - this.used >= 2) {
      const upper = (rest / 100) | 0;
      const pair = (rest - upper * 100) << 1;
      bytes[--at] = pairs[pair + 1]!;
      bytes[--at] = pairs[pair]!;
      rest = upper;
    }
    if (at > this.used) bytes[--at] = 48 + rest;
    this.used = end;
  }

  /** An IPv4 address. */
  ipv4(address: number): void {
    const { bytes } = this;
    let at = this.used;
    for (let shift = 24; shift >= 0; shift -= 8) {
      const from = ((address >>> shift) & 255) << 2;
      for (let n = 1; n <= octets[from]!; n++) bytes[at++] = octets[from + n]!;
      bytes[at++] = 46;
    }
    this.used = at - 1;
  }
}
