/** Why a receiver may stay silent, and what an attempt was for: what single packets show beside the verdict. */

import type { Evidence, PacketSeen } from './evidence.ts';
import type { Handshake } from './handshake.ts';
import type { Note, Outcome, Verdict } from './verdicts.ts';

/** One thing that the packets show; `note` is its code. */
export type Hint =
  /** A probe of a TCP traceroute: its SYN's TTL, and which router dropped it, if one did. */
  | { readonly note: Extract<Note, 'traceroute' | 'routing-loop'>; readonly ttl: number }
  /** Packets of `who` are signed, and the other side does not answer, or does not sign. */
  | {
      readonly note: Extract<Note, 'signed'>;
      readonly kind: number;
      readonly who: 'client' | 'server';
      /** The other side's packet is there, and has no signature. */
      readonly alone: boolean;
    }
  /** The TCP checksum of a packet is wrong, or the UDP checksum of the tunnel around it. */
  | { readonly note: Extract<Note, 'wrong-checksum' | 'wrong-outer-checksum'>; readonly what: Summed };

export type Summed = 'SYN' | 'SYN+ACK' | 'ACK';

/** Options 19 (RFC 2385) and 29 (RFC 5925). */
const SIGNATURES = [19, 29];
/** Systems begin with 64, 128 or 255, and no way has so many routers that so little is left. */
const PROBE_TTL = 30;

/** What stands out; empty for nearly all. */
export function hintsOf(e: Evidence, h: Handshake, verdict: Verdict, outcome: Outcome): readonly Hint[] {
  if (h.clean) return none;
  const found = [probe(e, h), signed(h, outcome), ...sums(h, verdict, outcome)];
  return found.every((hint) => hint === null) ? none : found.filter((hint): hint is Hint => hint !== null);
}

const none: readonly Hint[] = [];

/** A SYN that a router dropped since its TTL ran out, or that was to go no further than the server. */
function probe(e: Evidence, h: Handshake): Hint | null {
  const { syn, icmp } = h;
  if (syn === null || syn.ttl === 0) return null;
  const { ttl } = syn;
  if (icmp?.icmp != null && icmp.icmp.type === (e.ipv6 ? 3 : 11) && icmp.icmp.code === 0)
    return { note: ttl <= PROBE_TTL ? 'traceroute' : 'routing-loop', ttl };
  const wasReset = h.synAck !== null && h.clientReset !== null && h.finalAck === null;
  return wasReset && ttl <= PROBE_TTL ? { note: 'traceroute', ttl } : null;
}

const kindOf = (p: PacketSeen | null): number =>
  p?.options.kinds.find((kind) => SIGNATURES.includes(kind)) ?? 0;

/** A signature on one side only, or one that is met with silence. */
function signed(h: Handshake, outcome: Outcome): Hint | null {
  const { syn, synAck } = h;
  if (syn === null || syn.options.cut || h.clientReset !== null) return null;
  const mine = kindOf(syn);
  if (synAck === null)
    return mine !== 0 && outcome === 'unanswered'
      ? { note: 'signed', kind: mine, who: 'client', alone: false }
      : null;
  const theirs = kindOf(synAck);
  if (h.finalAck !== null || synAck.options.cut || (mine === 0) === (theirs === 0)) return null;
  return { note: 'signed', kind: mine || theirs, who: mine === 0 ? 'server' : 'client', alone: true };
}

/** Packets that were not taken, all of which are wrong. */
function sums(h: Handshake, verdict: Verdict, outcome: Outcome): (Hint | null)[] {
  const [what, packets] =
    verdict === 'final-ack-ignored' || verdict === 'accept-queue-full'
      ? (['ACK', [h.finalAck!]] as const)
      : outcome === 'unanswered'
        ? (['SYN', h.syns] as const)
        : outcome === 'unconfirmed'
          ? (['SYN+ACK', h.synAcks] as const)
          : (['ACK', []] as const);
  if (packets.length === 0) return [];
  // Where the other side's are wrong as well, the capture was rewritten (addresses made anonymous).
  const others = [h.syn, h.synAck, h.finalAck].filter(
    (p) => p !== null && p.fromClient !== packets[0]!.fromClient,
  );
  if (others.some((p) => p?.sum === 'wrong')) return [];
  return [
    packets.every((p) => p.sum === 'wrong') ? { note: 'wrong-checksum', what } : null,
    packets.every((p) => p.badOuter) ? { note: 'wrong-outer-checksum', what } : null,
  ];
}
