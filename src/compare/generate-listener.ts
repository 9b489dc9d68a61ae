/** Scenarios about a listener: several peers, queues, cookies, deferred accepts, Fast Open, what listen() and close() do. */
import type { Builder } from './builder.ts';
import { icmp, inOrder, oddCall, oddPacket, Peer, socketOption, syn } from './pieces.ts';

export function listener(b: Builder): void {
  const count = b.pick([1, 2, 2, 3, 4, 5]);
  for (let i = 0; i < count; i++) b.flows.push({ opens: 'peer', peerPort: 0 });
  if (b.chance(0.3)) b.sysctl('net.ipv4.tcp_syncookies', b.pick([0, 1, 2, 2]));
  b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
  b.nonBlocking(3);
  if (b.chance(0.25)) b.set(3, 'SOL_TCP', 'TCP_DEFER_ACCEPT', b.pick([1, 2, 5]));
  if (b.chance(0.15)) b.set(3, 'SOL_TCP', 'TCP_FASTOPEN', b.pick([1, 5]));
  while (b.chance(0.2)) socketOption(b, 3);
  b.call('bind(3, ..., ...)');
  b.call(`listen(3, ${b.pick([0, 1, 1, 2, 5])})`);
  b.wait(5);
  const peers = Array.from({ length: count }, (_, i) => new Peer(i));
  let made = 4;
  const opened = new Set<Peer>();
  const events = 3 + b.random.below(3 * count);
  for (let i = 0; i < events; i++) {
    const peer = b.pick(peers);
    if (!opened.has(peer)) {
      syn(b, peer);
      opened.add(peer);
    } else listenerEvent(b, peer, () => made++);
    b.pause();
  }
  b.call('accept(3, ..., ...)', made++);
  b.look(3);
}

function listenerEvent(b: Builder, peer: Peer, made: () => number): void {
  const kind = b.random.unit();
  if (kind < 0.45) inOrder(b, peer, b.pick(['.', '.', '.', 'P.', 'F.']), b.pick([0, 0, 1, 100]), 50);
  else if (kind < 0.6) oddPacket(b, peer, 50);
  else if (kind < 0.65) icmp(b, peer, 0);
  else if (kind < 0.85) b.call('accept(3, ..., ...)', made());
  else if (kind < 0.88) b.call(`listen(3, ${b.pick([0, 1, 3])})`);
  else if (kind < 0.9) b.call('shutdown(3, SHUT_RD)');
  else if (kind < 0.92) b.call('close(3)');
  else if (kind < 0.95) syn(b, peer);
  else oddCall(b, b.pick([3, 4]), made);
}
