/** What a SYN offers, as bits that fit into one word of an attempt's record: see OFFER. */
import { OFFER_FAST_OPEN } from './records.ts';

/**
 * @param view @param at @param end where the options are
 * @param ecn whether the flags ask for ECN
 */
export function offerOf(view: DataView, at: number, end: number, ecn: boolean): number {
  let scale = 31;
  let bits = ecn ? 0x40 : 0;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) break;
    if (kind === 3 && length >= 3 && scale === 31) scale = view.getUint8(at + 2) & 15;
    else if (kind === 4) bits |= 0x20;
    else if (kind === 34 || (kind === 254 && length >= 4 && view.getUint16(at + 2) === 0xf989))
      bits |= OFFER_FAST_OPEN;
    at += length;
  }
  return scale | bits;
}
