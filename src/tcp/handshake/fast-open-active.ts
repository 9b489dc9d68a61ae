/**
 * The active side of TCP Fast Open (RFC 7413 section 4.2.1): data and a cookie with the SYN, and what becomes of them
 * (net/ipv4/tcp_output.c tcp_send_syn_data, tcp_input.c tcp_rcv_fastopen_synack, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { seqAdd } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { takeSynData } from '../receive/receive.ts';
import { markLost } from '../recovery/scoreboard.ts';
import { retransmitUnreduced } from '../recovery/unreduced.ts';
import { syncMss } from '../send/mss.ts';
import { transmit } from '../send/output.ts';
import { TxSegment } from '../send/send-queue.ts';
import { type Cookie, type FastOpenAttempt, FastOpenFailure } from './fast-open.ts';
import { mssOfPath } from './negotiate.ts';

/** An attempt to send data with the SYN, which may be none. */
export const newAttempt = (data: Uint8Array): FastOpenAttempt => ({ data, copied: 0, cookie: null });

/** Middle boxes may add options: as much room as options can take is left for them. */
const optionRoom = 40;

/** Sends a SYN that stands in the queue, with as much data as fits, if a cookie allows it. */
export function sendSynWithData(conn: Connection, syn: TxSegment, attempt: FastOpenAttempt): void {
  const { services } = conn;
  const permission = services.fastOpen.permission(conn);
  const mss = permission.mss || conn.advMss;
  conn.mssClamp = conn.options.userMss > 0 ? Math.min(conn.options.userMss, mss) : mss;
  attempt.cookie = permission.cookie;
  if (permission.data) {
    syncMss(conn);
    const room = Math.max(mssOfPath(conn) - optionRoom, 0);
    attempt.copied = Math.min(room, attempt.data.length);
  }
  if (attempt.copied > 0) sendTogether(conn, syn, attempt.data.subarray(0, attempt.copied));
  else transmit(conn, syn, conn.mssCache);
  if (attempt.cookie !== null) {
    conn.synFastOpen = true;
    conn.synFastOpenExperimental = attempt.cookie.experimental;
  }
  attempt.cookie = null;
}

/** One packet on the wire, two segments in the queue: if it is lost, the SYN goes first and alone. */
function sendTogether(conn: Connection, syn: TxSegment, data: Uint8Array): void {
  const packet = new TxSegment(syn.seq, syn.flags, 0);
  packet.data = data.slice();
  packet.length = data.length;
  transmit(conn, packet, data.length);
  syn.sentAt = syn.firstSentAt = packet.sentAt;
  const rest = new TxSegment(syn.end, Flag.psh, 0);
  rest.data = packet.data;
  rest.length = data.length;
  rest.end = seqAdd(syn.end, data.length);
  rest.packets = 1;
  rest.sentAt = rest.firstSentAt = packet.sentAt;
  const { sendQueue } = conn;
  sendQueue.append(rest);
  sendQueue.sendHead = null;
  // What went out was these two: the packet itself must never be held for lost.
  sendQueue.unsort(packet);
  sendQueue.sortLast(syn);
  sendQueue.sortLast(rest);
  conn.writeSeq = rest.end;
  conn.packetsOut++;
  conn.synData = true;
  conn.services.counters.TCPOrigDataSent++;
}

/**
 * Takes from a SYN+ACK what concerns Fast Open: the cookie, whether our data arrived, the peer's data.
 * @returns true if our data did not arrive and was sent again, which also acknowledges the SYN+ACK
 */
export function onFastOpenSynAck(conn: Connection, seg: Segment): boolean {
  const { services } = conn;
  const unacked = conn.synData ? conn.sendQueue.head : null;
  // An unsolicited cookie is not for us.
  const cookie = conn.synFastOpen ? cookieOf(seg) : null;
  let tries = 0;
  if (conn.synFastOpen && conn.totalRetransmits === 0 && cookie === null && !conn.synData)
    tries = conn.synFastOpenExperimental ? 2 : 1;
  const mss = conn.mssClamp === conn.options.userMss ? seg.mss : conn.mssClamp;
  services.fastOpen.remember(conn, mss, cookie, tries);
  if (unacked !== null) {
    const again = conn.totalRetransmits > 0;
    conn.fastOpenFailure = again ? FastOpenFailure.retransmitted : FastOpenFailure.notAcked;
    services.counters.TCPFastOpenActiveFail++;
    services.note(conn, 'note', 'fast-open-data-again');
    resendAll(conn);
    return true;
  }
  conn.synDataAcked = conn.synData;
  if (conn.synDataAcked) {
    services.counters.TCPFastOpenActive++;
    // SYN and data were one packet.
    if (conn.delivered > 1) conn.delivered--;
  }
  if (seg.end !== conn.rcvNxt) {
    // 6.18 counts a segment with data or FIN anew (tcp_fastopen_add_skb).
    conn.segsIn = 1;
    if (seg.payloadLength > 0) conn.dataSegsIn++;
  }
  takeSynData(conn, seg);
  return false;
}

const cookieOf = (seg: Segment): Cookie | null =>
  seg.cookieLength < 0
    ? null
    : {
        bytes: seg.bytes.slice(seg.cookieOffset, seg.cookieOffset + seg.cookieLength),
        experimental: seg.cookieExperimental,
      };

/** Holds everything in flight for lost, but not because of congestion, and sends it again. */
function resendAll(conn: Connection): void {
  const { sendQueue } = conn;
  for (let s = sendQueue.head; s !== null && s !== sendQueue.sendHead; s = s.next) markLost(conn, s);
  retransmitUnreduced(conn);
}
