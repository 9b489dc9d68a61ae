/**
 * The SACK blocks that the next ACK carries: the block just changed first, then the others in the order they changed
 * (RFC 2018 section 4, RFC 2883; net/ipv4/tcp_input.c tcp_sack_new_ofo_skb, 6.18). Blocks are pairs of edges in a list.
 */
import { seqGt, seqLt } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';

/** How many blocks are remembered. */
const mostBlocks = 4;

/** Whether [seq, end) touches block `i`; if so the block takes it in. */
function extend(edges: number[], i: number, seq: number, end: number): boolean {
  if (seqGt(seq, edges[i + 1]!) || seqGt(edges[i]!, end)) return false;
  if (seqLt(seq, edges[i]!)) edges[i] = seq;
  if (seqGt(end, edges[i + 1]!)) edges[i + 1] = end;
  return true;
}

/** Takes a segment that arrived ahead of a gap into the blocks. Returns the number of the block it found, from 0 on. */
export function addSackBlock(conn: Connection, seq: number, end: number): number {
  const edges = [...conn.sackEdges];
  let i = 0;
  while (i < edges.length && !extend(edges, i, seq, end)) i += 2;
  if (i === edges.length) {
    if (edges.length === 2 * mostBlocks) edges.length -= 2;
    edges.unshift(seq, end);
  } else {
    edges.unshift(...edges.splice(i, 2));
    // Grown, it may touch others now.
    for (let k = 2; k < edges.length; )
      if (extend(edges, 0, edges[k]!, edges[k + 1]!)) edges.splice(k, 2);
      else k += 2;
  }
  conn.sackEdges = edges;
  return i / 2;
}

/** Forgets the blocks that RCV.NXT has reached. */
export function removeSackBlocks(conn: Connection): void {
  if (conn.sackEdges.length === 0) return;
  const edges: number[] = [];
  if (!conn.outOfOrder.empty)
    for (let i = 0; i < conn.sackEdges.length; i += 2)
      if (seqLt(conn.rcvNxt, conn.sackEdges[i]!)) edges.push(conn.sackEdges[i]!, conn.sackEdges[i + 1]!);
  conn.sackEdges = edges;
}

/** Nothing is to be said any more, duplicates included (tcp_sack_reset). */
export function resetSack(conn: Connection): void {
  if (!conn.sackOk) return;
  conn.dsack = false;
  conn.sackEdges = [];
}

/** Reports a duplicate in the next ACK (RFC 2883). */
export function reportDuplicate(conn: Connection, left: number, right: number): void {
  const { sysctls, counters } = conn.services;
  if (!conn.sackOk || sysctls.tcp_dsack === 0) return;
  if (seqLt(left, conn.rcvNxt)) counters.TCPDSACKOldSent++;
  else counters.TCPDSACKOfoSent++;
  conn.dsack = true;
  conn.dsackLeft = left;
  conn.dsackRight = right;
  conn.services.note(conn, 'note', 'duplicate-data');
}

/** The same, together with one that waits to be reported if the two touch (tcp_dsack_extend). */
export function extendDuplicate(conn: Connection, left: number, right: number): void {
  if (!conn.dsack) {
    reportDuplicate(conn, left, right);
    return;
  }
  if (seqGt(left, conn.dsackRight) || seqGt(conn.dsackLeft, right)) return;
  if (seqLt(left, conn.dsackLeft)) conn.dsackLeft = left;
  if (seqGt(right, conn.dsackRight)) conn.dsackRight = right;
}
