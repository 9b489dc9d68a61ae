/** The trace events that watching takes, and what they say of connection attempts. */
import { dropFilter } from '../linux/drop-words.ts';
import type { TraceEvent, TraceOptions } from '../linux/trace-events.ts';
import { formatEndpoint, ipv6, unmap } from '../wire/address.ts';
import type { Seen } from './tracker.ts';

/** The events, with what the kernel shall keep of them. */
export const watchedEvents: TraceOptions['events'] = [
  {
    event: 'sock/inet_sock_set_state',
    filter: 'protocol == 6 && (newstate == 2 || oldstate == 2)',
  },
  { event: 'tcp/tcp_retransmit_skb', filter: 'state == 2' },
  { event: 'tcp/tcp_receive_reset' },
  { event: 'tcp/tcp_send_reset', filter: 'skaddr == 0', optional: true },
  { event: 'tcp/tcp_bad_csum', optional: true },
  { event: 'sock/inet_sk_error_report', filter: 'protocol == 6', optional: true },
  { event: 'skb/kfree_skb', filter: dropFilter, optional: true },
];

/** An event in the tracker's words; null if it says nothing of attempts. */
export function seenOf(event: TraceEvent): Seen | null {
  const { time, cpu, thread } = event;
  switch (event.name) {
    case 'inet_sock_set_state':
      return {
        ...{ kind: 'state', time, cpu, thread, socket: event.number('skaddr') },
        ...{ old: event.number('oldstate'), now: event.number('newstate') },
        ...ends(event),
      };
    case 'tcp_retransmit_skb':
      return { kind: 'resent', time, cpu, socket: event.number('skaddr') };
    case 'tcp_receive_reset':
      return { kind: 'got-reset', time, socket: event.number('skaddr'), ...ends(event) };
    case 'tcp_send_reset': {
      if (!event.has('reason')) return null;
      const word = event.format.symbols.get(event.number('reason')) ?? '?';
      if (word !== 'NO_SOCKET') return null;
      return {
        kind: 'sent-reset',
        time,
        from: sockaddr(event.bytes('saddr')),
        to: sockaddr(event.bytes('daddr')),
        word,
      };
    }
    case 'tcp_bad_csum':
      return {
        kind: 'bad-checksum',
        time,
        from: sockaddr(event.bytes('saddr')),
        to: sockaddr(event.bytes('daddr')),
      };
    case 'inet_sk_error_report':
      return { kind: 'error', time, errno: event.number('error'), ...ends(event) };
    case 'kfree_skb':
      return { kind: 'drop', time, cpu, word: event.format.symbols.get(event.number('reason')) ?? '?' };
    default:
      return null;
  }
}

function ends(event: TraceEvent): { from: string; to: string } {
  const is4 = event.number('family') === 2;
  const from = event.bytes(is4 ? 'saddr' : 'saddr_v6');
  const to = event.bytes(is4 ? 'daddr' : 'daddr_v6');
  return { from: endpoint(from, event.number('sport')), to: endpoint(to, event.number('dport')) };
}

/** ADDRESS:PORT of a struct sockaddr_in or sockaddr_in6. */
function sockaddr(bytes: Uint8Array): string {
  const port = bytes[2]! * 256 + bytes[3]!;
  // The family's byte order is the machine's; both families fit into one byte.
  return (bytes[0]! | bytes[1]!) === 2
    ? endpoint(bytes.subarray(4, 8), port)
    : endpoint(bytes.subarray(8, 24), port);
}

function endpoint(bytes: Uint8Array, port: number): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}:${port}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return formatEndpoint(
    unmap(ipv6(view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12))),
    port,
  );
}
