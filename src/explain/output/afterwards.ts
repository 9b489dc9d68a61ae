/** What went wrong after the handshake, as the end of a sentence. */
import type { Trouble } from '../judge/aftermath.ts';
import { durationText } from './numbers.ts';

/** @returns the clause with what comes before it, or nothing */
export function afterwards(t: Trouble | null): string {
  if (t === null) return '';
  const who = t.byServer ? 'the server' : 'the client';
  switch (t.note) {
    case 'path-mtu':
      return `; then stuck: segments of ${t.size} bytes that ${who} sends are never acknowledged${
        t.arrived > 0 ? `, those of ${t.arrived} bytes are` : ''
      }: the path takes less than packets of ${t.packet} bytes (path MTU)${
        t.mtu > 0 ? `; ${t.mtuFrom} says by ICMP that its next link takes ${t.mtu} bytes` : ''
      }`;
    case 'request-unacknowledged':
      return `; then stuck: the client's first data (${t.size} bytes) were sent again and again and never acknowledged in this capture`;
    case 'data-unacknowledged':
      return `; then stuck: ${t.size} bytes that ${who} sent again and again were never acknowledged in this capture`;
    case 'closed-unserved':
      return `; the server closed it ${t.ns < 1e6 ? 'at once' : `${durationText(t.ns)} later`}, without having sent a byte`;
    case 'server-silent':
      return `; the server acknowledged what the client sent, and sent nothing in ${durationText(t.ns)}`;
    case 'tls-stopped':
      return stopped(t);
  }
}

function stopped(t: Trouble): string {
  if (t.tls === 'alert')
    return `; the server answered the ClientHello with a TLS alert (${alertName(t.reason)}): TLS ended there`;
  return t.tls === 'client-silent'
    ? `; TLS stopped there: the server answered the ClientHello, and the client sent nothing more in ${durationText(t.ns)}`
    : `; TLS stopped there: the server acknowledged the ClientHello, and sent nothing in ${durationText(t.ns)}`;
}

/** Alerts that a ClientHello is answered with (RFC 8446 section 6). */
const alerts: Readonly<Record<number, string>> = {
  40: 'handshake_failure',
  47: 'illegal_parameter',
  50: 'decode_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  109: 'missing_extension',
  112: 'unrecognized_name',
  120: 'no_application_protocol',
};

/** An alert's name, or number. */
export const alertName = (reason: number): string => alerts[reason] ?? String(reason);
