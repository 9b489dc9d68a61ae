/** Scenarios about what comes up less often: TIME-WAIT, Fast Open, cookies, urgent data, dissolved sockets, what options say. */
import type { Builder } from './builder.ts';
import { established } from './generate-close.ts';
import { inOrder, laterOptions, oddCall, oddPacket, Peer, socketOption, syn, synOptions } from './pieces.ts';

const wrap = (value: number): number => value >>> 0;

/** Both sides have closed; then come new requests, old packets, and sockets that want the same ports. */
export function timeWait(b: Builder): void {
  if (b.chance(0.2)) b.sysctl('net.ipv4.tcp_rfc1337', 1);
  if (b.chance(0.3)) b.sysctl('net.ipv4.tcp_tw_reuse', b.pick([0, 1, 2]));
  const peer = established(b);
  if (b.chance(0.3)) inOrder(b, peer, 'P.', b.pick([1, 100]), 20);
  const activeFirst = b.chance(0.75);
  if (!activeFirst) inOrder(b, peer, 'F.', 0, 20);
  b.call(b.pick(['close(4)', 'close(4)', 'shutdown(4, SHUT_RDWR)']));
  b.pause();
  const simultaneous = activeFirst && b.chance(0.25);
  if (!simultaneous) peer.acked += 1;
  if (activeFirst) inOrder(b, peer, 'F.', b.pick([0, 0, 0, 10]), 20);
  if (simultaneous) {
    b.pause();
    peer.acked += 1;
    inOrder(b, peer, '.', 0, 20);
  }
  const events = 1 + b.random.below(5);
  for (let i = 0; i < events; i++) {
    b.pause();
    if (b.chance(0.2)) b.wait(1100);
    const kind = b.random.unit();
    if (kind < 0.5) again(b, peer);
    else if (kind < 0.8) oddPacket(b, peer, 50);
    else if (kind < 0.9) b.look(b.pick([3, 4]));
    else oddCall(b, b.pick([3, 4]), () => 20 + i);
  }
}

/** A new request on the ports of a connection that is over. */
function again(b: Builder, peer: Peer): void {
  const seq = wrap(peer.next + b.pick([0, 1, 1000, 100_000, -1, -1000, 1_000_000_000, -1_000_000_000]));
  const options = b.chance(0.7)
    ? laterOptions(b, peer, b.pick([0, 1, 1100, 5000]))
    : synOptions(b, new Peer(peer.flow), 0);
  const length = b.chance(0.1) && seq < 4_294_000_000 ? 100 : 0;
  b.packet(peer.flow, `S ${seq}:${seq + length}(${length}) win ${b.pick([65535, 1000])}${options}`);
}

/** A server whose Fast Open needs no cookie, and requests with data. */
export function fastOpenServer(b: Builder): void {
  b.flows.push({ opens: 'peer', peerPort: 0 });
  const peer = new Peer(0);
  b.sysctl('net.ipv4.tcp_fastopen', b.pick(['0x602', '0x202', '0x603', '0x402', '2', '3']));
  b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
  b.nonBlocking(3);
  if (b.chance(0.6)) b.set(3, 'SOL_TCP', 'TCP_FASTOPEN', b.pick([0, 1, 5]));
  if (b.chance(0.2)) b.set(3, 'SOL_TCP', 'TCP_FASTOPEN_NO_COOKIE', 1);
  if (b.chance(0.2)) b.set(3, 'SOL_TCP', 'TCP_DEFER_ACCEPT', 1);
  b.call('bind(3, ..., ...)');
  b.call(`listen(3, ${b.pick([0, 1, 5])})`);
  b.wait(5);
  const length = b.pick([0, 1, 100, 1000, 1400]);
  const cookie = b.pick(['FO', 'FO', 'FO 0123456789abcdef', 'FO 0123', 'FOEXP', null]);
  const list = ['mss 1460', 'nop', 'nop', 'sackOK', ...(cookie === null ? [] : [cookie])];
  const size =
    cookie === null ? 0 : cookie === 'FOEXP' ? 4 : 2 + (cookie.length > 3 ? (cookie.length - 3) / 2 : 0);
  for (let i = size; i % 4 !== 0; i++) list.push('nop');
  b.packet(0, `${b.chance(0.9) ? 'S' : 'SF'} 0:${length}(${length}) win 65535 <${list.join()}>`);
  b.pause();
  if (b.chance(0.6)) b.call('accept(3, ..., ...)', 4);
  const events = 1 + b.random.below(5);
  for (let i = 0; i < events; i++) {
    b.pause();
    const kind = b.random.unit();
    if (kind < 0.3) {
      peer.next = b.chance(0.8) ? 1 + length : 1;
      inOrder(b, peer, b.pick(['.', '.', 'P.', 'F.']), b.pick([0, 0, 100]), 20);
    } else if (kind < 0.45) b.call(`read(4, ..., ${b.pick([1, 5000])})`);
    else if (kind < 0.6) b.call(`write(4, ..., ${b.pick([1, 100, 5000])})`);
    else if (kind < 0.7) b.call(b.pick(['close(4)', 'shutdown(4, SHUT_WR)', 'close(3)']));
    else if (kind < 0.8) oddPacket(b, peer, 20);
    else if (kind < 0.9) b.look(4);
    else oddCall(b, 4, () => 20 + i);
  }
  b.look(b.pick([3, 4]));
}

/** Requests answered by cookies, and what comes back, or seems to. */
export function cookies(b: Builder): void {
  b.sysctl('net.ipv4.tcp_syncookies', 2);
  const count = b.pick([1, 1, 2]);
  for (let i = 0; i < count; i++) b.flows.push({ opens: 'peer', peerPort: 0 });
  b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
  b.nonBlocking(3);
  while (b.chance(0.3)) socketOption(b, 3);
  b.call('bind(3, ..., ...)');
  b.call(`listen(3, ${b.pick([0, 1, 5])})`);
  b.wait(5);
  const peers = Array.from({ length: count }, (_, i) => new Peer(i));
  for (const peer of peers) syn(b, peer);
  const events = 1 + b.random.below(5);
  for (let i = 0; i < events; i++) {
    const peer = b.pick(peers);
    b.pause();
    const kind = b.random.unit();
    if (kind < 0.55) inOrder(b, peer, b.pick(['.', '.', 'P.', 'F.']), b.pick([0, 0, 1, 1000]), 20);
    else if (kind < 0.75) oddPacket(b, peer, 20);
    else if (kind < 0.85) syn(b, peer);
    else b.call('accept(3, ..., ...)', 10 + i);
  }
  b.call('accept(3, ..., ...)', 4);
  b.nonBlocking(4);
  b.look(4);
  b.call('write(4, ..., 3000)');
  b.call('read(4, ..., 5000)');
}

/** Urgent data, sent and received, in line and out of it. */
export function urgent(b: Builder): void {
  const peer = established(b);
  if (b.chance(0.3)) b.set(4, 'SOL_SOCKET', 'SO_OOBINLINE', 1);
  if (b.chance(0.2)) b.sysctl('net.ipv4.tcp_stdurg', 1);
  let made = 10;
  const events = 2 + b.random.below(8);
  for (let i = 0; i < events; i++) {
    b.wait(b.pick([1, 3, 13, 60, 110]));
    const kind = b.random.unit();
    if (kind < 0.35) urgentSegment(b, peer);
    else if (kind < 0.5) b.call(`send(4, ..., ${b.pick([1, 10, 2000])}, MSG_OOB)`);
    else if (kind < 0.6)
      b.call(`recv(4, ..., ${b.pick([0, 1, 10])}, ${b.pick(['MSG_OOB', 'MSG_OOB|MSG_PEEK'])})`);
    else if (kind < 0.75) b.call(`read(4, ..., ${b.pick([1, 5, 10, 1000])})`);
    else if (kind < 0.82) b.call('ioctl(4, SIOCATMARK, [0])');
    else if (kind < 0.88) b.call('ioctl(4, SIOCINQ, [0])');
    else if (kind < 0.94) inOrder(b, peer, 'P.', b.pick([1, 10, 1000]), 20);
    else oddCall(b, 4, () => made++);
  }
  b.look(4);
}

function urgentSegment(b: Builder, peer: Peer): void {
  const length = b.pick([0, 1, 10, 10, 100]);
  const pointer = b.pick([0, 1, 5, 10, length, length + 1, length + 100, 65535]);
  const { next } = peer;
  const options = laterOptions(b, peer, 20);
  b.packet(
    peer.flow,
    `${b.pick(['PU.', 'U.', 'FPU.'])} ${next}:${next + length}(${length}) ack ${peer.acked} win 65535 urg ${pointer}${options}`.replace(
      'FPU.',
      b.chance(0.2) ? 'FPU.' : 'PU.',
    ),
  );
  peer.next += length;
}

/** A socket is used, dissolved, and used again, as a client or as a listener. */
export function reused(b: Builder): void {
  const peer = established(b);
  const events = b.random.below(3);
  for (let i = 0; i < events; i++) {
    b.pause();
    if (b.chance(0.5)) inOrder(b, peer, 'P.', b.pick([1, 100]), 20);
    else oddCall(b, 4, () => 20 + i);
  }
  b.pause();
  b.call('connect(4, AF_UNSPEC, ...)');
  b.look(4);
  b.pause();
  if (b.chance(0.3)) socketOption(b, 4);
  b.flows.push({ opens: 'system', peerPort: 0 });
  const second = new Peer(1);
  b.call('connect(4, ..., ...)');
  b.look(4);
  b.pause();
  if (b.chance(0.8)) {
    b.packet(1, `S. 0:0(0) ack 1 win 65535${synOptions(b, second, 1000)}`);
    b.pause();
    b.call(`write(4, ..., ${b.pick([1, 1000, 3000])})`);
    b.pause();
    if (b.chance(0.6)) oddPacket(b, second, 20);
    oddCall(b, 4, () => 30);
  } else oddPacket(b, second, 20);
  b.look(4);
}

const readable: readonly (readonly [string, readonly string[]])[] = [
  [
    'SOL_SOCKET',
    'SO_RCVLOWAT SO_OOBINLINE SO_KEEPALIVE SO_REUSEADDR SO_REUSEPORT SO_RCVBUF SO_SNDBUF SO_ERROR SO_TYPE SO_PRIORITY'.split(
      ' ',
    ),
  ],
  [
    'SOL_TCP',
    'TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2 TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_QUICKACK TCP_USER_TIMEOUT TCP_FASTOPEN TCP_NOTSENT_LOWAT'.split(
      ' ',
    ),
  ],
];

/** Options are set to all kinds of values and read back, in every state; the connection shows what came of them. */
export function options(b: Builder): void {
  const peer = established(b);
  const events = 3 + b.random.below(8);
  for (let i = 0; i < events; i++) {
    b.pause();
    const fd = b.chance(0.85) ? 4 : 3;
    const kind = b.random.unit();
    const [level, names] = b.pick(readable);
    if (kind < 0.35) b.get(fd, level, b.pick(names));
    else if (kind < 0.55)
      b.set(fd, level, b.pick(names), b.pick([-1, 0, 1, 2, 5, 100, 1000, 32_767, 65_536, 2_147_483_647]));
    else if (kind < 0.7) socketOption(b, fd);
    else if (kind < 0.78) inOrder(b, peer, 'P.', b.pick([1, 100, 1460]), 20);
    else if (kind < 0.86) b.call(`write(${fd}, ..., ${b.pick([1, 1000, 4000])})`);
    else if (kind < 0.92) b.call(`read(${fd}, ..., ${b.pick([1, 3000])})`);
    else oddCall(b, fd, () => 20 + i);
  }
  b.look(4);
}
