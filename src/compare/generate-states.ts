/** Scenarios that go through states with a look after most steps, so that TCP_INFO and poll tell of what no packet shows. */
import type { Builder } from './builder.ts';
import { established } from './generate-close.ts';
import { icmp, inOrder, oddCall, oddPacket, Peer, socketOption, syn, synOptions } from './pieces.ts';

export function states(b: Builder): void {
  const kind = b.random.unit();
  let fd = 4;
  let peer: Peer;
  if (kind < 0.4) peer = established(b);
  else if (kind < 0.7) {
    fd = 3;
    peer = new Peer(0);
    b.flows.push({ opens: 'system', peerPort: 0 });
    b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
    b.nonBlocking(3);
    while (b.chance(0.4)) socketOption(b, 3);
    b.call('connect(3, ..., ...)');
    b.wait(7);
  } else {
    peer = new Peer(0);
    b.flows.push({ opens: 'peer', peerPort: 0 });
    b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
    b.nonBlocking(3);
    while (b.chance(0.4)) socketOption(b, 3);
    b.call('bind(3, ..., ...)');
    b.call(`listen(3, ${b.pick([1, 5])})`);
    b.wait(5);
    syn(b, peer);
    b.wait(20);
    inOrder(b, peer, b.pick(['.', '.', 'P.', 'F.']), b.pick([0, 0, 10, 1000]), 50);
    b.wait(3);
    b.call('accept(3, ..., ...)', 4);
    b.nonBlocking(4);
  }
  let made = 10;
  const events = 4 + b.random.below(9);
  for (let i = 0; i < events; i++) {
    b.pause();
    const what = b.random.unit();
    if (what < 0.3) oddPacket(b, peer, 50);
    else if (what < 0.5)
      inOrder(b, peer, b.pick(['.', 'P.', 'F.', 'PU.', '.']), b.pick([0, 1, 100, 1000]), 50);
    else if (what < 0.55) icmp(b, peer, b.pick([0, 1]));
    else if (what < 0.62) {
      const flags = b.pick(['S.', 'S.', 'SE.', 'FS.']);
      const ack = b.pick([1, 1, 1, 2]);
      b.packet(0, `${flags} 0:0(0) ack ${ack} win ${b.pick([65535, 1000, 0])}${synOptions(b, peer, 1000)}`);
    } else oddCall(b, fd, () => made++);
    if (b.chance(0.7)) b.look(fd);
  }
  b.look(fd);
}
