/**
 * What happens after the handshake, as far as it says why a connection is of no use: data that are sent again and again and not
 * acknowledged, a server that ends without a byte, a TLS handshake that stops. Only packets that are out of the ordinary come here.
 */

import type { Decapsulator } from '../decode/decapsulate.ts';
import { findOption } from '../decode/options.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { WORDS, DOUBLES, STATE, STALL_SEQ, STALL_SIZE, STALL_REST, STALL_SERVER, STALLED, SERVER_END, TLS } =
  R;
const { FIRST_TIME } = R;

/** Sent again sooner than this, it is a copy of the packet, or the answer to three duplicate ACKs; no time-out. */
const APART_MS = 100;
const SACK = 5;

/** A segment brought nothing new: its data were sent before. @param slot of an attempt whose handshake is over */
export function sentAgain(words: Int32Array, slot: number, s: Segment, fromClient: boolean): void {
  const base = slot * WORDS;
  const side = fromClient ? 0 : STALL_SERVER;
  const ms = Math.floor(s.time / 1e6) & 0xffff;
  const size = words[base + STALL_SIZE]!;
  if (words[base + STATE]! & STALLED) {
    // The other side's stalls first, and what lies before is what it hangs on.
    if ((size & STALL_SERVER) !== side || ((s.seq - words[base + STALL_SEQ]!) | 0) > 0) return;
    if (s.seq === words[base + STALL_SEQ]) {
      const rest = words[base + STALL_REST]!;
      if (((ms - (rest >>> 16)) & 0xffff) < APART_MS) return;
      const count = Math.min(255, ((size >>> 16) & 0xff) + 1);
      words[base + STALL_SIZE] = side | (count << 16) | Math.min(size & 0xffff, s.payload);
      words[base + STALL_REST] = (rest & 0xffff) | (ms << 16);
      return;
    }
  }
  words[base + STATE]! |= STALLED;
  words[base + STALL_SEQ] = s.seq;
  words[base + STALL_SIZE] = side | (1 << 16) | Math.min(0xffff, s.payload);
  words[base + STALL_REST] = ms << 16;
}

/** A segment came while something is not acknowledged: perhaps it acknowledges it, or says what has arrived beyond. */
export function whileStalled(
  words: Int32Array,
  base: number,
  s: Segment,
  d: Decapsulator,
  fromClient: boolean,
): void {
  const size = words[base + STALL_SIZE]!;
  if (((size & STALL_SERVER) === 0) === fromClient) return;
  if (((s.ack - words[base + STALL_SEQ]!) | 0) > 0) {
    words[base + STATE]! &= ~STALLED;
    return;
  }
  const end = Math.min(d.tcpEnd, d.tcpAt + s.header);
  const option = findOption(d.view, d.tcpAt + 20, end, SACK);
  if (option < 0) return;
  const rest = words[base + STALL_REST]!;
  let most = rest & 0xffff;
  for (let at = option + 2, last = option + d.view.getUint8(option + 1); at + 8 <= last; at += 8) {
    const arrived = (d.view.getInt32(at + 4) - d.view.getInt32(at)) | 0;
    // A block as long as a segment that does not arrive says nothing against its size.
    if (arrived > most && arrived < 0xffff) most = arrived;
  }
  words[base + STALL_REST] = (rest & ~0xffff) | most;
}

/** The server ends and has sent no data. */
export function endsUnserved(words: Int32Array, doubles: Float64Array, slot: number, time: number): void {
  const at = slot * WORDS + SERVER_END;
  if (words[at] !== 0) return;
  const ms = (time - doubles[slot * DOUBLES + FIRST_TIME]!) / 1e6;
  words[at] = 1 + Math.max(0, Math.min(0x7ffffffe, Math.floor(ms)));
}

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const ALERT = 21;

/** A side's first data. */
export function firstData(
  words: Int32Array,
  base: number,
  s: Segment,
  d: Decapsulator,
  fromClient: boolean,
): void {
  const { view, tcpEnd } = d;
  const at = d.tcpAt + s.header;
  if (tcpEnd - at < 6) return;
  const type = view.getUint8(at);
  if (type < 20 || type > 23 || view.getUint8(at + 1) !== 3) return;
  if (fromClient) {
    if (type === HANDSHAKE && view.getUint8(at + 5) === CLIENT_HELLO)
      words[base + TLS] = 5 + view.getUint16(at + 3);
    return;
  }
  if (words[base + TLS] === 0) return;
  const reason = type === ALERT && tcpEnd - at >= 7 ? view.getUint8(at + 6) : 0;
  words[base + TLS]! |= (type << 16) | (reason << 24);
}
