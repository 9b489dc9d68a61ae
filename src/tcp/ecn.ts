/**
 * ECN as a mode: off, classic (RFC 3168) or accurate (draft-ietf-tcpm-accurate-ecn, which 6.18 falls into when a SYN+ACK
 * answers so; net/ipv4/tcp_input.c tcp_ecn_rcv_synack). What a segment carries of it is decided here.
 */
import { Flag } from '../wire/tcp.ts';

/** How congestion is told from one end to the other. */
export const EcnMode = { off: 0, classic: 1, accurate: 2 } as const;

const aceBits = Flag.ae | Flag.cwr | Flag.ece;

/** Values of the ACE field, AE CWR ECE. */
const ace = (flags: number): number => (flags & aceBits) >>> 6;

/** The mode that the answer to a SYN with ECE and CWR settles. */
export function modeOfAnswer(flags: number): number {
  const field = ace(flags);
  if (field === 0 || field === 7) return EcnMode.off;
  return field === 1 || field === 5 ? EcnMode.classic : EcnMode.accurate;
}

/** By which flags the handshake's ACK says how the SYN+ACK was marked: not at all, ECT(1), ECT(0), CE. */
export const reflectionOf = (mark: number): number => [0b010, 0b011, 0b100, 0b110][mark & 3]! << 6;

/** The ACE field: how many marked packets were received, from 5 on. */
export const aceFlags = (ceReceived: number): number => ((ceReceived + 5) & 7) << 6;
