/** What UDP, wireless frames and service headers carry. Pure functions of the bytes; null where nothing is to be found. */
import { Layer } from './encapsulations.ts';
import type { Next } from './next.ts';

/** Stand for Ethernet types where there is none: a whole Ethernet frame, PPP, a GRE header, and an IEEE 802.11 frame. */
export const Carried = {
  byVersion: 0,
  ethernet: 0x6558,
  ppp: 0x880b,
  gre: -1,
  wireless: -2,
  // Van Jacobson's compression on PPP: a whole header with a number in place of the protocol, and what only says the difference.
  wholeVj: -3,
  compressedVj: -4,
} as const;

const GTP_U = 2152;
const TEREDO = 3544;
const L2TP = 1701;
const CAPWAP_DATA = 5247;
const VXLAN_PORTS = [4789, 8472];
const VXLAN_GPE = 4790;
const GENEVE = 6081;
const GRE_IN_UDP = 4754;

/** What a UDP datagram carries on, and by what name. */
interface InUdp extends Next {
  /** A {@link Layer}, or 0: what is inside has a name of its own. */
  readonly layer: number;
  /** VNI; -1 where identifiers differ by direction, so that the tunnel's ends have to tell it apart. */
  readonly id: number;
}

/** Looks into a UDP datagram whose header is at `at`. */
export function inUdp(view: DataView, at: number, end: number): InUdp | null {
  if (end - at < 16) return null;
  const source = view.getUint16(at);
  const port = view.getUint16(at + 2);
  const inner = at + 8;
  if (VXLAN_PORTS.includes(port)) {
    if ((view.getUint8(inner) & 8) === 0) return null;
    return found(Layer.vxlan, view.getUint32(inner + 4) >>> 8, Carried.ethernet, inner + 8, end);
  }
  switch (port) {
    case VXLAN_GPE:
      return vxlanGpe(view, inner, end);
    case GENEVE: {
      const first = view.getUint8(inner);
      if (first >>> 6 !== 0) return null;
      const length = 8 + ((first & 63) << 2);
      return found(
        Layer.geneve,
        view.getUint32(inner + 4) >>> 8,
        view.getUint16(inner + 2),
        inner + length,
        end,
      );
    }
    case GRE_IN_UDP:
      return found(0, 0, Carried.gre, inner, end);
  }
  // The others answer from the well-known port, or to it.
  if (port === GTP_U || source === GTP_U) return gtp(view, inner, end);
  if (port === CAPWAP_DATA || source === CAPWAP_DATA) return capwap(view, inner, end);
  if (port === L2TP || source === L2TP) return l2tp(view, inner, end);
  if (port === TEREDO || source === TEREDO) {
    // An origin indication may be in front (RFC 4380 section 5.1.1).
    const start = view.getUint16(inner) === 0 ? inner + 8 : inner;
    return found(Layer.teredo, -1, 0x86dd, start, end);
  }
  return null;
}

const found = (layer: number, id: number, type: number, at: number, end: number): InUdp => ({
  layer,
  id,
  type,
  at,
  end,
});

const serviceTypes = [Carried.byVersion, 0x0800, 0x86dd, Carried.ethernet, 0x894f, 0x8847];

/** VXLAN with a next protocol (draft-ietf-nvo3-vxlan-gpe). */
function vxlanGpe(view: DataView, at: number, end: number): InUdp | null {
  if ((view.getUint8(at) & 8) === 0) return null;
  const next = view.getUint8(at) & 4 ? serviceTypes[view.getUint8(at + 3)] : Carried.ethernet;
  return next ? found(Layer.vxlan, view.getUint32(at + 4) >>> 8, next, at + 8, end) : null;
}

/** GTP-U (3GPP TS 29.281 section 5): a user's packet is message 255; the tunnel's number differs by direction. */
function gtp(view: DataView, at: number, end: number): InUdp | null {
  const first = view.getUint8(at);
  if (first >>> 4 !== 3 || view.getUint8(at + 1) !== 255) return null;
  let inner = at + 8;
  if (first & 7) {
    inner += 4;
    let more = first & 4 && inner <= end ? view.getUint8(inner - 1) : 0;
    while (more !== 0) {
      if (inner >= end) return null;
      const length = view.getUint8(inner) << 2;
      if (length === 0 || inner + length > end) return null;
      inner += length;
      more = view.getUint8(inner - 1);
    }
  }
  return found(Layer.gtp, -1, Carried.byVersion, inner, end);
}

/** L2TP version 2 (RFC 2661 section 3.1): data carries PPP. */
function l2tp(view: DataView, at: number, end: number): InUdp | null {
  const flags = view.getUint16(at);
  if (flags & 0x8000 || (flags & 15) !== 2) return null;
  let inner = at + 6 + (flags & 0x4000 ? 2 : 0) + (flags & 0x0800 ? 4 : 0);
  if (flags & 0x0200) {
    if (inner + 2 > end) return null;
    inner += 2 + view.getUint16(inner);
  }
  return found(Layer.l2tp, -1, Carried.ppp, inner, end);
}

/** CAPWAP data (RFC 5415 section 4.3), unless it is encrypted or a fragment. */
function capwap(view: DataView, at: number, end: number): InUdp | null {
  const word = view.getUint32(at);
  if (word >>> 24 !== 0 || word & 0x80) return null;
  const inner = at + (((word >>> 19) & 31) << 2);
  return found(Layer.capwap, -1, word & 0x100 ? Carried.wireless : Carried.ethernet, inner, end);
}

/** Network service header (RFC 8300): what follows it. */
export function afterNsh(view: DataView, at: number, end: number): Next | null {
  if (end - at < 8) return null;
  const type = serviceTypes[view.getUint8(at + 3)];
  const length = (view.getUint8(at + 1) & 63) << 2;
  return type && length >= 8 ? { type, at: at + length, end } : null;
}

/** An IEEE 802.11 data frame that is not encrypted: LLC and SNAP behind its header. */
export function afterWireless(view: DataView, at: number, end: number): Next | null {
  if (end - at < 32) return null;
  let control = view.getUint8(at);
  let flags = view.getUint8(at + 1);
  // Some controllers tunnel frames with these two bytes swapped.
  if ((control & 15) !== 8 && (flags & 15) === 8) [control, flags] = [flags, control];
  const isData = (control & 15) === 8 && (control & 0x40) === 0;
  if (!isData || flags & 0x40) return null;
  const qos = (control & 0x80) !== 0;
  let header = 24 + ((flags & 3) === 3 ? 6 : 0);
  // Several packets in one frame: the first is looked at.
  const aggregated = qos && at + header < end && (view.getUint8(at + header) & 0x80) !== 0;
  if (qos) header += flags & 0x80 ? 6 : 2;
  // Some drivers pad the header to a multiple of four bytes.
  for (const length of [header, (header + 3) & ~3]) {
    const llc = at + length + (aggregated ? 14 : 0);
    if (llc + 8 <= end && view.getUint16(llc) === 0xaaaa)
      return { type: view.getUint16(llc + 6), at: llc + 8, end };
  }
  return null;
}
