/** Which addresses a name has, by the DNS answers in the capture (RFC 1035). Bounded: what came first stays. */

import { addressText } from './options.ts';

const MOST_NAMES = 4096;
const MOST_ADDRESSES = 32;
const DNS = 53;
const A = 1;
const AAAA = 28;

/** Names and their addresses. */
export class Names {
  readonly byName: Map<string, Set<string>> = new Map();

  /** A UDP datagram, whose header is at `at`; only answers of DNS are of interest. */
  heard(view: DataView, at: number, end: number): void {
    if (end - at < 20 || view.getUint16(at) !== DNS) return;
    const message = at + 8;
    // An answer without error, to one question.
    if ((view.getUint16(message + 2) & 0x800f) !== 0x8000 || view.getUint16(message + 4) !== 1) return;
    const question = nameAt(view, message + 12, end);
    if (question === null || question.name === '') return;
    const known = this.byName.get(question.name);
    if (known === undefined && this.byName.size >= MOST_NAMES) return;
    const addresses = known ?? new Set<string>();
    const records = Math.min(64, view.getUint16(message + 6));
    let place = question.next + 4;
    for (let n = 0; n < records; n++) {
      const owner = nameAt(view, place, end);
      if (owner === null || owner.next + 10 > end) break;
      const type = view.getUint16(owner.next);
      const data = owner.next + 10;
      const length = view.getUint16(owner.next + 8);
      if (data + length > end) break;
      if (
        ((type === A && length === 4) || (type === AAAA && length === 16)) &&
        addresses.size < MOST_ADDRESSES
      )
        addresses.add(textOf(view, data, length));
      place = data + length;
    }
    if (addresses.size > 0) this.byName.set(question.name, addresses);
  }
}

function textOf(view: DataView, at: number, length: number): string {
  const words =
    length === 4 ? [0, 0, 0xffff, view.getInt32(at)] : [0, 4, 8, 12].map((n) => view.getInt32(at + n));
  return addressText(Int32Array.from(words), 0);
}

/** The name at a place (empty if it is only pointed to), and what is behind it; null if it is none. */
function nameAt(view: DataView, from: number, end: number): { name: string; next: number } | null {
  const labels: string[] = [];
  for (let at = from; at < end; ) {
    const length = view.getUint8(at);
    if (length === 0) return { name: labels.join('.'), next: at + 1 };
    if (length >= 0xc0) return at + 2 <= end ? { name: labels.join('.'), next: at + 2 } : null;
    if (length > 63 || at + 1 + length > end || labels.length > 32) return null;
    let label = '';
    for (let n = 1; n <= length; n++) {
      const code = view.getUint8(at + n);
      // Names go to the terminal: what is no letter of host names is left out.
      label += code > 32 && code < 127 ? String.fromCharCode(code).toLowerCase() : '?';
    }
    labels.push(label);
    at += 1 + length;
  }
  return null;
}
