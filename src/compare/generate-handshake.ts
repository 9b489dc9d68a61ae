/** Scenarios about opening: passive, active and simultaneous, with whatever may come in between. */
import type { Builder } from './builder.ts';
import { icmp, inOrder, oddCall, oddPacket, Peer, socketOption, syn, synOptions } from './pieces.ts';

export function handshake(b: Builder): void {
  const kind = b.random.unit();
  if (kind < 0.45) passive(b);
  else active(b, kind > 0.85);
}

function passive(b: Builder): void {
  b.flows.push({ opens: 'peer', peerPort: 0 });
  const peer = new Peer(0);
  b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
  b.nonBlocking(3);
  while (b.chance(0.25)) socketOption(b, 3);
  b.call('bind(3, ..., ...)');
  b.call(`listen(3, ${b.pick([1, 1, 5, 0])})`);
  b.wait(5);
  syn(b, peer);
  let made = 10;
  const events = b.random.below(4);
  for (let i = 0; i < events; i++) {
    b.pause();
    if (b.chance(0.7)) oddPacket(b, peer, 50);
    else if (b.chance(0.5)) icmp(b, peer, 0);
    else oddCall(b, 3, () => made++);
  }
  b.pause();
  if (b.chance(0.75))
    inOrder(b, peer, b.pick(['.', '.', 'P.', 'F.', 'E.']), b.pick([0, 0, 0, 1, 100, 1000]), 100);
  b.pause();
  b.call('accept(3, ..., ...)', 4);
  b.look(b.pick([3, 4]));
  const more = b.random.below(3);
  for (let i = 0; i < more; i++) {
    b.pause();
    if (b.chance(0.6)) oddPacket(b, peer, 50);
    else oddCall(b, 4, () => made++);
  }
}

function active(b: Builder, fastOpen: boolean): void {
  b.flows.push({ opens: 'system', peerPort: 0 });
  const peer = new Peer(0);
  let made = 10;
  b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
  b.nonBlocking(3);
  while (b.chance(0.25)) socketOption(b, 3);
  if (b.chance(0.1)) b.call('bind(3, ..., ...)');
  if (fastOpen) b.call(`sendto(3, ..., ${b.pick([0, 10, 1000, 2000])}, MSG_FASTOPEN, ..., ...)`);
  else b.call('connect(3, ..., ...)');
  const events = b.random.below(4);
  for (let i = 0; i < events; i++) {
    b.pause();
    if (b.chance(0.1)) b.wait(1000);
    if (b.chance(0.55)) oddPacket(b, peer, 50);
    else if (b.chance(0.5)) icmp(b, peer, 0);
    else oddCall(b, 3, () => made++);
  }
  b.pause();
  if (b.chance(0.3)) simultaneous(b, peer);
  else if (b.chance(0.85)) synAck(b, peer);
  b.look(3);
  const more = b.random.below(4);
  for (let i = 0; i < more; i++) {
    b.pause();
    if (b.chance(0.5)) oddPacket(b, peer, 50);
    else if (b.chance(0.3)) inOrder(b, peer, b.pick(['.', 'P.', 'F.']), b.pick([0, 1, 1000]), 50);
    else oddCall(b, 3, () => made++);
  }
}

function synAck(b: Builder, peer: Peer): void {
  const flags = b.chance(0.8) ? 'S.' : b.pick(['SE.', 'SEW.', 'SW.', 'SA.', 'SEWA.', 'FS.', 'SP.', 'SU.']);
  const length = b.chance(0.06) ? b.pick([1, 100]) : 0;
  const ack = b.chance(0.85) ? 1 : b.pick([0, 2, 11, 1001, 100_000, 4_294_967_295]);
  const window = b.pick([65535, 65535, 8192, 1000, 1, 0]);
  const ecn = b.chance(0.06) ? b.pick(['[ect0] ', '[ect1] ', '[ce] ']) : '';
  const echo = b.pick([1000, 1000, 1000, 1000, 0, 1100, 900, 500_000_000]);
  b.packet(
    peer.flow,
    `${ecn}${flags} 0:${length}(${length}) ack ${ack} win ${window}${synOptions(b, peer, echo)}`,
  );
}

function simultaneous(b: Builder, peer: Peer): void {
  syn(b, peer);
  b.pause();
  if (b.chance(0.3)) oddPacket(b, peer, 50);
  const flags = b.pick(['S.', 'S.', '.', 'P.', 'F.']);
  if (flags === 'S.')
    b.packet(peer.flow, `S. 0:0(0) ack 1 win ${b.pick([65535, 1000])}${synOptions(b, peer, 1000)}`);
  else inOrder(b, peer, flags, flags === '.' ? 0 : b.pick([0, 10, 1000]), 50);
}
