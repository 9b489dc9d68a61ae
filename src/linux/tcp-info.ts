/** What the kernel tells of a socket, by the names of its headers (include/uapi/linux/tcp.h, 6.18: 280 bytes). */
import type { InfoKind } from '../drill/system-under-test.ts';
import type { Sys } from './sys.ts';

const TCP_INFO = 11;
const TCP_CC_INFO = 26;
const SO_MEMINFO = 55;
const SOL_TCP = 6;
const SOL_SOCKET = 1;

/** Fields after the first eight bytes, in order; a q is of 64 bits, an h of 16, others of 32. */
const fields =
  'rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans q:pacing_rate q:max_pacing_rate q:bytes_acked q:bytes_received segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out q:delivery_rate q:busy_time q:rwnd_limited q:sndbuf_limited delivered delivered_ce q:bytes_sent q:bytes_retrans dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash h:total_rto h:total_rto_recoveries total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes received_e1_bytes received_e0_bytes received_ce_bytes h:accecn_fail_mode h:accecn_opt_seen'.split(
    ' ',
  );
const firstBytes = ['state', 'ca_state', 'retransmits', 'probes', 'backoff', 'options'];

/** struct tcp_info as a record; a kernel that tells less gives fewer fields. */
function decodeTcpInfo(raw: Uint8Array): Record<string, number> {
  const bytes = Buffer.from(raw);
  const info: Record<string, number> = {};
  if (bytes.length < 8) return info;
  firstBytes.forEach((name, i) => {
    info[`tcpi_${name}`] = bytes[i]!;
  });
  info.tcpi_snd_wscale = bytes[6]! & 15;
  info.tcpi_rcv_wscale = bytes[6]! >> 4;
  info.tcpi_delivery_rate_app_limited = bytes[7]! & 1;
  info.tcpi_fastopen_client_fail = (bytes[7]! >> 1) & 3;
  let at = 8;
  for (const field of fields) {
    const size = field.startsWith('q:') ? 8 : field.startsWith('h:') ? 2 : 4;
    if (at + size > bytes.length) break;
    const name = `tcpi_${field.replace(/^.:/, '')}`;
    info[name] = size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size);
    at += size;
  }
  return info;
}

const meminfo = 'RMEM_ALLOC RCVBUF WMEM_ALLOC SNDBUF FWD_ALLOC WMEM_QUEUED OPTMEM BACKLOG DROPS'.split(' ');
const ccFields: Readonly<Record<number, readonly string[]>> = {
  16: ['tcpv_enabled', 'tcpv_rttcnt', 'tcpv_rtt', 'tcpv_minrtt'],
  20: ['bbr_bw_lo', 'bbr_bw_hi', 'bbr_min_rtt', 'bbr_pacing_gain', 'bbr_cwnd_gain'],
};

/** A snapshot, or null if the socket has none of this kind. */
export function kernelInfo(sys: Sys, fd: number, kind: InfoKind): Record<string, number> | null {
  const room = 512;
  const raw =
    kind === 'SO_MEMINFO'
      ? sys.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, room)
      : sys.getsockopt(fd, SOL_TCP, kind === 'TCP_INFO' ? TCP_INFO : TCP_CC_INFO, room);
  if (typeof raw === 'number' || raw.length === 0) return null;
  if (kind === 'TCP_INFO') return decodeTcpInfo(raw);
  const words = Array.from({ length: raw.length >> 2 }, (_, i) => Buffer.from(raw).readUInt32LE(4 * i));
  const names = kind === 'SO_MEMINFO' ? meminfo.map((name) => `SK_MEMINFO_${name}`) : ccFields[raw.length];
  if (names === undefined) return null;
  return Object.fromEntries(names.map((name, i) => [name, words[i] ?? 0]));
}
