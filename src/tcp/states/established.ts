/** What every connection gets when its handshake is complete (net/ipv4/tcp_input.c tcp_init_transfer, 6.18). */
import type { Segment } from '../../wire/segment.ts';
import { initialCwnd } from '../congestion/cwnd.ts';
import { noThreshold } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { initializeWindow } from '../receive/window.ts';
import { minRto } from '../recovery/rtt.ts';
import { updateKeepalive } from '../send/keepalive.ts';
import { beginSearch } from '../send/mtu-probe.ts';
import { expandSendBuffer } from '../send/send-buffer.ts';

/** µs (TCP_TIMEOUT_FALLBACK). */
const fallbackRto = 3_000_000;
/** µs: a tick of the kernel's clock (HZ=250). */
const tick = 4000;

/** A time-out of our SYN (or SYN+ACK) was a mistake if its first copy is what got through (tcp_try_undo_spurious_syn). */
export function forgiveTimeout(conn: Connection, seg: Segment): void {
  if (!conn.recovery.undoing || !conn.timestampsOk || !seg.hasTimestamps) return;
  if (conn.retransmitsSince >= 0 && seg.tsEcr === conn.firstTsVal) conn.recovery.undoing = false;
}

/**
 * What is known of the peer from former connections is in force again; what the time-outs of a SYN said of the path is
 * forgotten (tcp_init_metrics).
 */
function recall(conn: Connection): void {
  const { sysctls, peers } = conn.services;
  const known = peers.of(conn.local, conn.remote);
  conn.ssthresh =
    known === null || known.ssthresh === 0 || sysctls.tcp_no_ssthresh_metrics_save !== 0
      ? noThreshold
      : known.ssthresh;
  conn.reordering = known?.reordering || sysctls.tcp_reordering;
  if (known !== null && known.rtt > conn.srtt) {
    const rtt = Math.floor(known.rtt / (8 * tick)) * tick;
    conn.rto = rtt + Math.max(2 * rtt, minRto(conn));
  }
  // Without a sample from the handshake the time-out is the long one of old (RFC 6298 section 5.7).
  else if (conn.srtt === 0) conn.rttvar = conn.mdev = conn.mdevMax = conn.rto = fallbackRto;
}

/** Sizes buffers and the congestion window, starts keepalive, tells the observer what was negotiated. */
export function establish(conn: Connection): void {
  const { services } = conn;
  // A handshake that needed more than one time-out starts with one segment, unless that is known to be a mistake.
  conn.cwnd = conn.totalRetransmits > 1 && conn.recovery.undoing ? 1 : initialCwnd(conn);
  recall(conn);
  conn.lastAckAt = conn.lastSendAt = conn.cwndStamp = services.now;
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
