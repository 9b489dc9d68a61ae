/** What every connection gets when its handshake is complete (net/ipv4/tcp_input.c tcp_init_transfer, 6.18). */
import type { Segment } from '../../wire/segment.ts';
import { initialCwnd } from '../congestion/cwnd.ts';
import type { Connection } from '../connection.ts';
import { initializeWindow } from '../receive/window.ts';
import { noThreshold } from '../recovery/prr.ts';
import { updateKeepalive } from '../send/keepalive.ts';
import { beginSearch } from '../send/mtu-probe.ts';
import { expandSendBuffer } from '../send/send-buffer.ts';

/** µs (TCP_TIMEOUT_FALLBACK). */
const fallbackRto = 3_000_000;

/** A time-out of our SYN (or SYN+ACK) was a mistake if its first copy is what got through (tcp_try_undo_spurious_syn). */
export function forgiveTimeout(conn: Connection, seg: Segment): void {
  if (!conn.recovery.undoing || !conn.timestampsOk || !seg.hasTimestamps) return;
  if (conn.retransmitsSince >= 0 && seg.tsEcr === conn.firstTsVal) conn.recovery.undoing = false;
}

/** Sizes buffers and the congestion window, starts keepalive, tells the observer what was negotiated. */
export function establish(conn: Connection): void {
  const { services } = conn;
  // A handshake that needed more than one time-out starts with one segment, unless that is known to be a mistake.
  conn.cwnd = conn.totalRetransmits > 1 && conn.recovery.undoing ? 1 : initialCwnd(conn);
  // What the time-outs of a SYN said of the path is forgotten (tcp_init_metrics).
  conn.ssthresh = noThreshold;
  conn.reordering = services.sysctls.tcp_reordering;
  conn.lastAckAt = conn.lastSendAt = conn.cwndStamp = services.now;
  // Without a sample from the handshake the time-out is the long one of old (RFC 6298 section 5.7; tcp_init_metrics).
  if (conn.srtt === 0) conn.rttvar = conn.mdev = conn.mdevMax = conn.rto = fallbackRto;
  // Segments become smaller by it only when their size is settled next.
  beginSearch(conn);
  expandSendBuffer(conn);
  initializeWindow(conn);
  if (conn.options.keepalive) updateKeepalive(conn);
  if (services.trace === null) return;
  services.note(conn, 'note', 'negotiated', {
    mss: conn.mssCache,
    sendScale: conn.windowScaling ? conn.sndWscale : -1,
    receiveScale: conn.windowScaling ? conn.rcvWscale : -1,
    sack: conn.sackOk ? 1 : 0,
    timestamps: conn.timestampsOk ? 1 : 0,
    ecn: conn.ecnMode,
  });
}
