/** What every connection gets when its handshake is complete (net/ipv4/tcp_input.c tcp_init_transfer, 6.18). */
import { initialCwnd } from '../congestion/cwnd.ts';
import type { Connection } from '../connection.ts';
import { initializeWindow } from '../receive/window.ts';
import { updateKeepalive } from '../send/keepalive.ts';
import { expandSendBuffer } from '../send/send-buffer.ts';

/** µs (TCP_TIMEOUT_FALLBACK). */
const fallbackRto = 3_000_000;

/** Sizes buffers and the congestion window, starts keepalive, tells the observer what was negotiated. */
export function establish(conn: Connection): void {
  const { services } = conn;
  // A handshake that needed more than one time-out starts with one segment, unless the first copy was what got through.
  const spurious = conn.timestampsOk && conn.rcvTsEcr === conn.firstTsVal;
  conn.cwnd = conn.totalRetransmits > 1 && !spurious ? 1 : initialCwnd(conn);
  conn.reordering = services.sysctls.tcp_reordering;
  conn.lastAckAt = conn.lastSendAt = conn.cwndStamp = services.now;
  // Without a sample from the handshake the time-out is the long one of old (RFC 6298 section 5.7; tcp_init_metrics).
  if (conn.srtt === 0) conn.rttvar = conn.mdev = conn.mdevMax = conn.rto = fallbackRto;
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
