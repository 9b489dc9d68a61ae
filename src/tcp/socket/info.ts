/** TCP_INFO by the names of struct tcp_info (net/ipv4/tcp.c tcp_get_info, include/uapi/linux/tcp.h, 6.18). */
import type { Connection } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import { limitTimes } from '../send/limits.ts';
import { notSent } from '../send/send-buffer.ts';
import { LISTEN } from '../state.ts';

/** Bits of tcpi_options. */
const InfoOption = {
  timestamps: 1,
  sack: 2,
  windowScale: 4,
  ecn: 8,
  ecnSeen: 16,
  synData: 32,
  earlyChild: 128,
} as const;

function optionBits(conn: Connection): number {
  let bits = 0;
  if (conn.timestampsOk) bits |= InfoOption.timestamps;
  if (conn.sackOk) bits |= InfoOption.sack;
  if (conn.windowScaling) bits |= InfoOption.windowScale;
  if (conn.ecnMode !== EcnMode.off || conn.ecnRequested) bits |= InfoOption.ecn;
  if (conn.ecnSeen) bits |= InfoOption.ecnSeen;
  if (conn.synDataAcked) bits |= InfoOption.synData;
  if (conn.openedEarly) bits |= InfoOption.earlyChild;
  return bits;
}

const since = (conn: Connection, at: number): number => Math.floor((conn.services.now - at) / 1000);

/** A snapshot; times in the units Linux uses: µs, and ms for those named last_*. */
export function tcpInfo(conn: Connection): Record<string, number> {
  const info = connectionInfo(conn);
  return conn.state === LISTEN ? listenerInfo(conn, info) : info;
}

function connectionInfo(conn: Connection): Record<string, number> {
  const times = limitTimes(conn);
  return {
    tcpi_state: conn.state,
    tcpi_ca_state: conn.caState,
    tcpi_retransmits: conn.retransmits,
    tcpi_probes: conn.probes,
    tcpi_backoff: conn.backoff,
    tcpi_options: optionBits(conn),
    tcpi_snd_wscale: conn.windowScaling ? conn.sndWscale : 0,
    tcpi_rcv_wscale: conn.windowScaling ? conn.rcvWscale : 0,
    tcpi_rto: conn.rto,
    tcpi_ato: conn.ato,
    tcpi_snd_mss: conn.mssCache,
    tcpi_rcv_mss: conn.rcvMss,
    tcpi_unacked: conn.packetsOut,
    tcpi_sacked: conn.sackedOut,
    tcpi_lost: conn.lostOut,
    tcpi_retrans: conn.retransOut,
    tcpi_fackets: 0,
    tcpi_last_data_sent: since(conn, conn.lastSendAt),
    tcpi_last_ack_sent: 0,
    tcpi_last_data_recv: since(conn, conn.lastDataAt),
    tcpi_last_ack_recv: since(conn, conn.lastAckAt),
    tcpi_pmtu: conn.pmtu,
    tcpi_rcv_ssthresh: conn.rcvSsthresh,
    tcpi_rtt: conn.srtt >> 3,
    tcpi_rttvar: conn.mdev >> 2,
    tcpi_snd_ssthresh: conn.ssthresh,
    tcpi_snd_cwnd: conn.cwnd,
    tcpi_advmss: conn.advMss,
    tcpi_reordering: conn.reordering,
    tcpi_rcv_rtt: (conn.autotune?.rtt ?? 0) >> 3,
    tcpi_rcv_space: conn.autotune?.space ?? conn.rcvSpace,
    tcpi_total_retrans: conn.totalRetransmits,
    tcpi_bytes_acked: conn.bytesAcked,
    tcpi_bytes_received: conn.bytesReceived,
    tcpi_segs_out: conn.segsOut,
    tcpi_segs_in: conn.segsIn,
    tcpi_notsent_bytes: Math.max(notSent(conn), 0),
    tcpi_min_rtt: conn.minRtt === Infinity ? 0xffffffff : conn.minRtt,
    tcpi_data_segs_in: conn.dataSegsIn,
    tcpi_data_segs_out: conn.dataSegsOut,
    tcpi_delivered: conn.delivered,
    tcpi_delivered_ce: conn.recovery.deliveredCe,
    tcpi_bytes_sent: conn.bytesSent,
    tcpi_bytes_retrans: conn.bytesRetransmitted,
    tcpi_dsack_dups: conn.recovery.dsackDuplicates,
    tcpi_reord_seen: conn.recovery.reorderingSeen,
    tcpi_busy_time: times.busy,
    tcpi_rwnd_limited: times.window,
    tcpi_sndbuf_limited: times.buffer,
    tcpi_snd_wnd: conn.sndWnd,
    tcpi_rcv_wnd: conn.rcvWnd,
    tcpi_total_rto: conn.totalRto,
    tcpi_fastopen_client_fail: conn.fastOpenFailure,
  };
}

/** A listener shows its accept queue, and little else (tcp_get_info returns there). */
function listenerInfo(conn: Connection, info: Record<string, number>): Record<string, number> {
  return {
    ...Object.fromEntries(Object.keys(info).map((name) => [name, 0])),
    tcpi_state: conn.state,
    tcpi_reordering: conn.reordering,
    tcpi_snd_cwnd: conn.cwnd,
    tcpi_unacked: conn.listener!.accepted.length,
    tcpi_sacked: conn.listener!.backlog,
  };
}
