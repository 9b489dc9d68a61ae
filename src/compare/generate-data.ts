/** Scenarios about data after the handshake: the system as sender, and as receiver. */
import type { Builder } from './builder.ts';
import { established } from './generate-close.ts';
import { inOrder, laterOptions, oddPacket, type Peer, socketOption } from './pieces.ts';

/** The system writes; the peer acknowledges some, says twice what it has, selects, closes its window. */
export function sending(b: Builder): void {
  const peer = established(b);
  if (b.chance(0.2)) socketOption(b, 4);
  let written = 0;
  const write = (): void => {
    const length = b.pick([1, 100, 1000, 1460, 2920, 5000, 10_000, 20_000]);
    b.call(`write(4, ..., ${length})`);
    written += length;
  };
  write();
  const events = 3 + b.random.below(9);
  for (let i = 0; i < events; i++) {
    b.wait(b.pick([1, 3, 13, 13, 60, 90, 110, 330]));
    const kind = b.random.unit();
    if (kind < 0.2) write();
    else if (kind < 0.5) acknowledge(b, peer, written);
    else if (kind < 0.8) selective(b, peer, written);
    else if (kind < 0.85) oddPacket(b, peer, 50);
    else if (kind < 0.9) {
      peer.window = b.pick([0, 1, 500, 3000, 20_000, 65535]);
      inOrder(b, peer, '.', 0, 20);
    } else if (kind < 0.93) inOrder(b, peer, b.pick(['E.', 'P.']), b.pick([0, 100]), 20);
    else if (kind < 0.95) b.call(b.pick(['close(4)', 'shutdown(4, SHUT_WR)']));
    else if (kind < 0.97) socketOption(b, 4);
    else b.look(4);
  }
  b.look(4);
}

function acknowledge(b: Builder, peer: Peer, written: number): void {
  const left = 1 + written - peer.acked;
  const step = b.pick([left, left, 1460, 1000, 2920, 1, Math.floor(left / 2)]);
  peer.acked += Math.max(0, Math.min(left, step));
  inOrder(b, peer, '.', 0, 20);
}

/** An acknowledgment of what came out of order, or one that repeats itself. */
function selective(b: Builder, peer: Peer, written: number): void {
  const size = b.pick([1000, 1448, 1460]);
  const end = 1 + written;
  const from = peer.acked + size * (1 + b.random.below(4));
  const to = Math.min(end, from + size * (1 + b.random.below(3)));
  const block = from < to && b.chance(0.75) ? `sack ${from}:${to}` : null;
  const again =
    b.chance(0.1) && peer.acked > 1 ? `sack ${Math.max(1, peer.acked - size)}:${peer.acked}` : block;
  const times = b.pick([1, 1, 1, 2, 3]);
  for (let i = 0; i < times; i++) {
    const options = laterOptions(b, peer, 2, again);
    b.packet(peer.flow, `. ${peer.next}:${peer.next}(0) ack ${peer.acked} win ${peer.window}${options}`);
  }
}

/** The peer sends: in order, out of order, again, beyond the window; the system reads, or does not. */
export function receiving(b: Builder): void {
  const peer = established(b);
  if (b.chance(0.3)) b.set(4, 'SOL_SOCKET', 'SO_RCVBUF', b.pick([2000, 5000, 20_000]));
  if (b.chance(0.15)) socketOption(b, 4);
  let highest = peer.next;
  const events = 3 + b.random.below(10);
  for (let i = 0; i < events; i++) {
    b.wait(b.pick([1, 1, 3, 13, 60, 90, 110, 330]));
    const kind = b.random.unit();
    if (kind < 0.4) {
      const train = b.pick([1, 1, 2, 4]);
      const size = b.pick([1, 100, 536, 1000, 1460, 1460]);
      for (let k = 0; k < train; k++) inOrder(b, peer, b.pick(['.', 'P.']), size, 1);
    } else if (kind < 0.65) highest = outOfOrder(b, peer, highest);
    else if (kind < 0.8) b.call(`read(4, ..., ${b.pick([1, 100, 1000, 5000, 100_000])})`);
    else if (kind < 0.84) b.call(`write(4, ..., ${b.pick([1, 100])})`);
    else if (kind < 0.88) inOrder(b, peer, 'F.', b.pick([0, 100]), 1);
    else if (kind < 0.92) oddPacket(b, peer, 20);
    else if (kind < 0.95) socketOption(b, 4);
    else if (kind < 0.97) b.call(b.pick(['close(4)', 'shutdown(4, SHUT_RD)']));
    else b.look(4);
  }
  b.look(4);
}

function outOfOrder(b: Builder, peer: Peer, highest: number): number {
  const offset = b.pick([1000, 1460, 2920, 100, -100, -1000, 10, 30_000, 70_000]);
  const seq = Math.max(1, peer.next + offset);
  const length = b.pick([1, 100, 1000, 1460]);
  const flags = b.chance(0.08) ? 'F.' : b.pick(['.', 'P.']);
  const options = laterOptions(b, peer, 1);
  b.packet(
    peer.flow,
    `${flags} ${seq}:${seq + length}(${length}) ack ${peer.acked} win ${peer.window}${options}`,
  );
  // Now and then the hole is closed.
  if (b.chance(0.3) && seq > peer.next && seq - peer.next <= 3000) {
    b.wait(3);
    inOrder(b, peer, '.', seq - peer.next, 1);
    peer.next = seq + length;
  }
  return Math.max(highest, seq + length);
}
