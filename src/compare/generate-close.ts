/** Scenarios about the end: close, shutdown, RST, dissolve, TIME-WAIT, and what comes too late. */
import type { Builder } from './builder.ts';
import { icmp, inOrder, oddCall, oddPacket, Peer, socketOption, syn } from './pieces.ts';

/** Opens a connection in the ordinary way, from either side. @returns the peer; the descriptor is 4 */
export function established(b: Builder): Peer {
  const peer = new Peer(0);
  const options = b.pick([
    'mss 1460',
    'mss 1460,nop,nop,sackOK',
    'mss 1000,sackOK,TS val 200 ecr ECHO,nop,wscale 7',
    'mss 1460,sackOK,TS val 200 ecr ECHO,nop,wscale 0',
    'mss 1460,nop,wscale 7',
    '',
  ]);
  const list = (echo: number): string =>
    options === '' ? '' : ` <${options.replace('ECHO', String(echo))}>`;
  const timestamps = options.includes('TS');
  if (b.chance(0.5)) {
    b.flows.push({ opens: 'peer', peerPort: 0 });
    b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 3);
    b.nonBlocking(3);
    if (b.chance(0.15)) socketOption(b, 3);
    b.call('bind(3, ..., ...)');
    b.call('listen(3, 5)');
    b.wait(5);
    b.packet(0, `S 0:0(0) win 65535${list(0)}`);
    b.wait(b.pick([1, 20, 90]));
    if (timestamps) peer.ts = 250;
    inOrder(b, peer, '.', 0, 0);
    b.wait(1);
    b.call('accept(3, ..., ...)', 4);
  } else {
    b.flows.push({ opens: 'system', peerPort: 0 });
    b.call('socket(..., SOCK_STREAM, IPPROTO_TCP)', 4);
    b.nonBlocking(4);
    if (b.chance(0.15)) socketOption(b, 4);
    b.call('connect(4, ..., ...)');
    b.wait(b.pick([1, 20, 90]));
    b.packet(0, `S. 0:0(0) ack 1 win 65535${list(1000)}`);
    if (timestamps) peer.ts = 250;
    b.wait(1);
  }
  b.nonBlocking(4);
  b.wait(20);
  return peer;
}

export function closing(b: Builder): void {
  const peer = established(b);
  let made = 10;
  let finSent = false;
  // A longer linger holds up whoever calls close(), and with it all scenarios.
  if (b.chance(0.2)) b.call('setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8)');
  const events = 2 + b.random.below(9);
  for (let i = 0; i < events; i++) {
    b.pause();
    const kind = b.random.unit();
    if (kind < 0.15 && !finSent) {
      b.call(b.pick(['close(4)', 'shutdown(4, SHUT_WR)', 'shutdown(4, SHUT_RDWR)', 'shutdown(4, SHUT_RD)']));
      finSent = true;
    } else if (kind < 0.25) {
      const length = b.pick([1, 100, 1000]);
      b.call(`write(4, ..., ${length})`);
      if (!finSent && b.chance(0.7)) {
        b.wait(13);
        peer.acked += length;
        inOrder(b, peer, '.', 0, 50);
      }
    } else if (kind < 0.35) inOrder(b, peer, 'P.', b.pick([1, 100, 1000]), 50);
    else if (kind < 0.47) inOrder(b, peer, 'F.', b.pick([0, 0, 100]), 50);
    else if (kind < 0.57) {
      if (finSent && b.chance(0.7)) peer.acked += 1;
      inOrder(b, peer, '.', 0, 50);
    } else if (kind < 0.75) oddPacket(b, peer, 50);
    else if (kind < 0.78) icmp(b, peer, 1);
    else if (kind < 0.82) b.call('read(4, ..., 1000)');
    else if (kind < 0.85) syn(b, peer);
    else oddCall(b, 4, () => made++);
  }
  if (b.chance(0.5)) b.look(4);
}
