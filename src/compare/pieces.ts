/** What random scenarios are made of: packets, options, calls and settings, likely and unlikely ones. */
import type { Builder } from './builder.ts';

/** One side's view of a connection, in a script's numbers; the ISN of both is 0. */
export class Peer {
  readonly flow: number;
  /** The peer's next sequence number. */
  next = 1;
  /** What the peer acknowledges. */
  acked = 1;
  /** The peer's clock, and whether it sends timestamps. */
  ts: number | null = null;
  window = 65535;

  constructor(flow: number) {
    this.flow = flow;
  }
}

/** Packets whose options are a multiple of four bytes long. */
export function padded(options: readonly string[]): string {
  const size = (text: string): number => {
    const [kind] = text.split(' ');
    if (kind === 'mss') return 4;
    if (kind === 'wscale') return 3;
    if (kind === 'sackOK') return 2;
    if (kind === 'TS') return 10;
    if (kind === 'sack') return 2 + 8 * (text.split(' ').length - 1);
    if (kind === 'FO') return 2 + (text.length - 3 > 0 ? (text.length - 3) / 2 : 0);
    return 1;
  };
  const list = [...options];
  while (list.reduce((sum, it) => sum + size(it), 0) % 4 !== 0) list.push('nop');
  return list.length > 0 ? ` <${list.join()}>` : '';
}

/** The options of a SYN or SYN+ACK. Remembers whether the peer uses timestamps. */
export function synOptions(b: Builder, peer: Peer, echo: number | null): string {
  const options: string[] = [];
  if (b.chance(0.85))
    options.push(`mss ${b.pick([1460, 1460, 1460, 1000, 1400, 536, 100, 48, 1, 0, 8960, 65535])}`);
  if (b.chance(0.5)) options.push('sackOK');
  if (b.chance(0.45)) {
    peer.ts = b.pick([200, 1000, 1, 0, 2_000_000_000, 4_294_967_000]);
    options.push(`TS val ${peer.ts} ecr ${echo ?? b.pick([0, 0, 0, 77])}`);
  } else peer.ts = null;
  if (b.chance(0.5)) options.push(`wscale ${b.pick([0, 1, 2, 7, 7, 8, 10, 14, 15, 200])}`);
  if (b.chance(0.05)) options.push('FO');
  if (b.chance(0.05)) options.push('nop', 'nop');
  if (b.chance(0.08)) options.reverse();
  return padded(options);
}

/** The options of a later packet: the timestamp that there should be, or another, or none. */
export function laterOptions(b: Builder, peer: Peer, ms: number, sack: string | null = null): string {
  const options: string[] = [];
  if (peer.ts !== null) {
    peer.ts = (peer.ts + ms) >>> 0;
    const val = b.chance(0.85)
      ? peer.ts
      : (peer.ts + b.pick([-1000, -1, -100_000, 5000, 2_147_483_000])) >>> 0;
    const ecr = b.chance(0.85) ? 1000 : b.pick([0, 1, 900, 1500, 60_000, 500_001_000]);
    if (b.chance(0.92)) options.push(`TS val ${val} ecr ${ecr}`);
  } else if (b.chance(0.04)) options.push('TS val 50 ecr 60');
  if (sack !== null) options.push(sack);
  if (b.chance(0.02)) options.push('mss 700');
  return padded(options);
}

const ecn = (b: Builder): string => (b.chance(0.06) ? `${b.pick(['[ect0]', '[ect1]', '[ce]'])} ` : '');

/** A SYN, mostly an ordinary one. */
export function syn(b: Builder, peer: Peer): void {
  const flags = b.chance(0.8)
    ? 'S'
    : b.pick(['SE', 'SEW', 'SW', 'SEWA', 'SA', 'SF', 'SP', 'SU', 'SFP', 'SFPU']);
  const length = b.chance(0.06) ? b.pick([1, 100, 1000]) : 0;
  const window = b.pick([65535, 65535, 32792, 8192, 5840, 1000, 1, 0]);
  const isn = 0;
  const urgent = flags.includes('U') && b.chance(0.5) ? ' urg 1' : '';
  b.packet(
    peer.flow,
    `${ecn(b)}${flags} ${isn}:${length}(${length}) win ${window}${urgent}${synOptions(b, peer, null)}`,
  );
}

/** An ordinary in-order packet of a connection. */
export function inOrder(b: Builder, peer: Peer, flags: string, length: number, ms: number): void {
  const fin = flags.includes('F') ? 1 : 0;
  const end = peer.next + length;
  const window = b.chance(0.9) ? peer.window : b.pick([0, 1, 100, 1000, 8192, 65535]);
  b.packet(
    peer.flow,
    `${ecn(b)}${flags} ${peer.next}:${end}(${length}) ack ${peer.acked} win ${window}${laterOptions(b, peer, ms)}`,
  );
  peer.next = end + fin;
}

const wrap = (value: number): number => value >>> 0;

/** Any packet at all that may come in a state of a connection. */
export function oddPacket(b: Builder, peer: Peer, ms: number): void {
  const flags = b.pick(
    'R R R R. R. . . . . P. P. F. F. F S S S. S. - P U .U PU. SF SFR R.F RP SR FS. .E .W .EW .A .EWA FPU SP'.split(
      ' ',
    ),
  );
  const [clean, isSyn] = [canonical(flags), flags.includes('S')];
  const offsets = [
    0, 0, 0, 0, 0, -1, 1, 100, 1000, 30_000, 70_000, 200_000, -1000, -70_000, 1_000_000_000, -1_000_000_000,
  ];
  const seq = wrap((isSyn && b.chance(0.5) ? 0 : peer.next) + b.pick(offsets));
  const wanted = b.chance(0.3) ? b.pick([1, 10, 100, 536, 1000, 1460]) : 0;
  const length = wrap(seq + wanted) < seq ? 0 : wanted;
  const hasAck = clean.includes('.');
  const ack = wrap(
    peer.acked + b.pick([0, 0, 0, 0, -1, 1, 10, 1000, 100_000, -1000, 1_000_000_000, -70_000]),
  );
  const window = b.pick([65535, 65535, 32792, 1000, 1, 0]);
  const ackText = hasAck ? ` ack ${ack}` : b.chance(0.05) ? ` ack ${ack}` : '';
  const urgent = clean.includes('U') && b.chance(0.7) ? ` urg ${b.pick([0, 1, 5, 100])}` : '';
  const options =
    isSyn && b.chance(0.6) ? synOptions(b, new Peer(0), hasAck ? 1000 : null) : laterOptions(b, peer, ms);
  b.packet(
    peer.flow,
    `${ecn(b)}${clean} ${seq}:${wrap(seq + length)}(${length})${ackText} win ${window}${urgent}${options}`,
  );
}

/** Flags in the order scripts have them. */
function canonical(flags: string): string {
  if (flags === '-') return '-';
  return 'FSRPUEWA.'
    .split('')
    .filter((letter) => flags.includes(letter))
    .join('');
}

/** An ICMP message about what the system sent. */
export function icmp(b: Builder, peer: Peer, sequence: number): void {
  const four =
    'net_unreachable host_unreachable protocol_unreachable port_unreachable frag_needed source_route_failed net_unknown host_unknown source_host_isolated net_prohibited host_prohibited packet_filtered precedence_violation'.split(
      ' ',
    );
  const six = 'no_route admin_prohibited not_neighbour address_unreachable port_unreachable'.split(' ');
  const seq = wrap(sequence + b.pick([0, 0, 0, 0, 1, -1, 1000, 100_000]));
  const echoed = `[${seq}:${seq}(0)]`;
  if (b.ipVersion === 'ipv6') {
    const kind = b.pick([
      `unreachable ${b.pick(six)}`,
      `packet_too_big mtu ${b.pick([1500, 1280, 1400, 1000])}`,
      'time_exceeded exceeded_hop_limit',
      'parameter_problem header_field',
    ]);
    b.packet(peer.flow, `icmp ${kind} ${echoed}`);
    return;
  }
  const code = b.pick(four);
  const mtu = code === 'frag_needed' ? ` mtu ${b.pick([1400, 1000, 576, 552, 300, 68, 0, 9000])}` : '';
  const kind = b.chance(0.8)
    ? `unreachable ${code}${mtu}`
    : b.pick(['time_exceeded', 'parameter_problem', 'source_quench']);
  b.packet(peer.flow, `icmp ${kind} ${echoed}`);
}

/** A call on a socket, in whatever state it is. `made` gives a descriptor not used yet. */
export function oddCall(b: Builder, fd: number, made: () => number): void {
  const calls: readonly (() => void)[] = [
    () => b.get(fd, 'SOL_SOCKET', 'SO_ERROR'),
    () => b.get(fd, 'SOL_SOCKET', 'SO_ERROR'),
    () => b.get(fd, 'SOL_TCP', 'TCP_MAXSEG'),
    () => b.get(fd, 'SOL_SOCKET', b.pick(['SO_RCVBUF', 'SO_SNDBUF', 'SO_ACCEPTCONN', 'SO_TYPE'])),
    () => b.look(fd),
    () => b.look(fd),
    () => b.call(`shutdown(${fd}, ${b.pick(['SHUT_RD', 'SHUT_WR', 'SHUT_WR', 'SHUT_RDWR'])})`),
    () => b.call(`close(${fd})`),
    () => b.call(`connect(${fd}, AF_UNSPEC, ...)`),
    () => b.call(`connect(${fd}, ..., ...)`),
    () => b.call(`listen(${fd}, ${b.pick([0, 1, 5])})`),
    () => b.call(`accept(${fd}, ..., ...)`, made()),
    () => b.call(`write(${fd}, ..., ${b.pick([1, 100, 1000])})`),
    () => b.call(`read(${fd}, ..., ${b.pick([1, 100, 5000])})`),
    () => b.call(`send(${fd}, ..., ${b.pick([1, 10])}, ${b.pick(['MSG_OOB', 'MSG_MORE', 'MSG_NOSIGNAL'])})`),
    () => b.call(`recv(${fd}, ..., 100, ${b.pick(['MSG_PEEK', 'MSG_OOB', 'MSG_TRUNC'])})`),
    () => b.call(`ioctl(${fd}, ${b.pick(['SIOCINQ', 'SIOCOUTQ', 'SIOCOUTQNSD', 'SIOCATMARK'])}, [0])`),
    () => b.call(`setsockopt(${fd}, SOL_SOCKET, SO_LINGER, {onoff=${b.pick([0, 1])}, linger=0}, 8)`),
    () => b.call(`bind(${fd}, ..., ...)`),
    () =>
      b.get(
        fd,
        'SOL_TCP',
        b.pick(['TCP_WINDOW_CLAMP', 'TCP_LINGER2', 'TCP_SYNCNT', 'TCP_DEFER_ACCEPT', 'TCP_QUICKACK']),
      ),
    () => socketOption(b, fd),
    () => socketOption(b, fd),
  ];
  b.pick(calls)();
}

export function socketOption(b: Builder, fd: number): void {
  const [level, option, values] = b.pick([
    ['SOL_TCP', 'TCP_NODELAY', [0, 1]],
    ['SOL_TCP', 'TCP_CORK', [0, 1]],
    ['SOL_TCP', 'TCP_QUICKACK', [0, 1]],
    ['SOL_TCP', 'TCP_MAXSEG', [88, 500, 1000, 1460, 0, 40]],
    ['SOL_TCP', 'TCP_SYNCNT', [1, 2, 0, 128]],
    ['SOL_TCP', 'TCP_USER_TIMEOUT', [100, 1500, 3000]],
    ['SOL_TCP', 'TCP_DEFER_ACCEPT', [1, 3, 10]],
    ['SOL_TCP', 'TCP_LINGER2', [-1, 0, 1, 3]],
    ['SOL_TCP', 'TCP_WINDOW_CLAMP', [0, 1000, 5000, 65535]],
    ['SOL_TCP', 'TCP_KEEPIDLE', [1, 2]],
    ['SOL_TCP', 'TCP_KEEPINTVL', [1, 3]],
    ['SOL_TCP', 'TCP_KEEPCNT', [1, 2]],
    ['SOL_TCP', 'TCP_INQ', [1]],
    ['SOL_TCP', 'TCP_FASTOPEN_NO_COOKIE', [1]],
    ['SOL_TCP', 'TCP_THIN_LINEAR_TIMEOUTS', [1]],
    ['SOL_SOCKET', 'SO_KEEPALIVE', [0, 1]],
    ['SOL_SOCKET', 'SO_RCVBUF', [1000, 5000, 20_000, 100_000]],
    ['SOL_SOCKET', 'SO_SNDBUF', [1000, 10_000, 100_000]],
    ['SOL_SOCKET', 'SO_RCVLOWAT', [1, 100, 5000]],
    ['SOL_SOCKET', 'SO_OOBINLINE', [0, 1]],
    ['SOL_SOCKET', 'SO_PRIORITY', [0, 6]],
    ['SOL_SOCKET', 'SO_RCVBUFFORCE', [1, 40_000]],
    ['SOL_SOCKET', 'SO_SNDBUFFORCE', [1, 40_000]],
    ['SOL_SOCKET', 'SO_REUSEADDR', [1]],
    ['SOL_TCP', 'TCP_NOTSENT_LOWAT', [1, 5000]],
    ['SOL_TCP', 'TCP_RTO_MAX_MS', [1000, 5000]],
    ['SOL_TCP', 'TCP_FASTOPEN_CONNECT', [1]],
    ['SOL_TCP', 'TCP_FASTOPEN', [1, 5]],
    ['SOL_TCP', 'TCP_SAVE_SYN', [1]],
    ...(b.ipVersion === 'ipv4'
      ? ([
          ['SOL_IP', 'IP_TOS', [0, 8, 0x28, 0xff]],
          ['SOL_IP', 'IP_TTL', [1, 64, 5]],
          ['SOL_IP', 'IP_MTU_DISCOVER', [0, 1, 2, 3, 4, 5]],
          ['SOL_IP', 'IP_RECVERR', [1]],
          ['SOL_IP', 'IP_MINTTL', [200]],
        ] as const)
      : []),
    ...(b.ipVersion === 'ipv6'
      ? ([
          ['SOL_IPV6', 'IPV6_TCLASS', [0, 8, 0x28]],
          ['SOL_IPV6', 'IPV6_UNICAST_HOPS', [3, 255]],
          ['SOL_IPV6', 'IPV6_RECVERR', [1]],
          ['SOL_IPV6', 'IPV6_MTU_DISCOVER', [0, 1, 2, 3, 4, 5]],
        ] as const)
      : []),
    ...(b.ipVersion === 'ipv4-mapped-ipv6'
      ? ([
          ['SOL_IP', 'IP_TOS', [8, 0x28]],
          ['SOL_IP', 'IP_TTL', [5]],
          ['SOL_IPV6', 'IPV6_TCLASS', [8]],
          ['SOL_IPV6', 'IPV6_UNICAST_HOPS', [3]],
        ] as const)
      : []),
  ] as readonly (readonly [string, string, readonly number[]])[]);
  b.set(fd, level, option, b.pick(values));
}

const settings: readonly (readonly [string, readonly (string | number)[]])[] = [
  ['tcp_sack', [0]],
  ['tcp_timestamps', [0, 2]],
  ['tcp_window_scaling', [0]],
  ['tcp_ecn', [0, 1, 2, 3, 4, 5]],
  ['tcp_syncookies', [0, 2]],
  ['tcp_syn_retries', [1, 2]],
  ['tcp_synack_retries', [0, 1, 2]],
  ['tcp_abort_on_overflow', [1]],
  ['tcp_rmem', ['4096 20000 100000', '4096 540000 6291456', '10000 131072 131072']],
  ['tcp_wmem', ['4096 10000 20000']],
  ['tcp_rfc1337', [1]],
  ['tcp_tw_reuse', [0, 1]],
  ['tcp_fin_timeout', [1, 2]],
  ['tcp_base_mss', [512]],
  ['tcp_mtu_probing', [1, 2]],
  ['tcp_min_snd_mss', [48, 500]],
  ['tcp_syn_linear_timeouts', [0, 1]],
  ['tcp_invalid_ratelimit', [0, 200]],
  ['tcp_challenge_ack_limit', [1, 2]],
  ['tcp_fastopen', [0, 3, 0x403, 7]],
  ['tcp_rto_max_ms', [1000, 3000]],
  ['tcp_rto_min_us', [50_000, 500_000]],
  ['tcp_max_syn_backlog', [1, 2]],
  ['tcp_dsack', [0]],
  ['tcp_early_retrans', [0]],
  ['tcp_recovery', [0]],
  ['tcp_retries2', [1, 3]],
  ['tcp_orphan_retries', [1]],
  ['tcp_max_tw_buckets', [0]],
  ['tcp_shrink_window', [1]],
  ['tcp_autocorking', [0]],
  ['tcp_stdurg', [1]],
  ['tcp_adv_win_scale', [2, -2]],
  ['tcp_workaround_signed_windows', [1]],
  ['ip_default_ttl', [5]],
  ['ip_no_pmtu_disc', [1, 2, 3]],
  ['tcp_l3mdev_accept', [1]],
  ['tcp_ecn_fallback', [0]],
  ['tcp_reflect_tos', [1]],
  ['tcp_migrate_req', [1]],
  ['tcp_moderate_rcvbuf', [0]],
  ['tcp_slow_start_after_idle', [0]],
  ['tcp_backlog_ack_defer', [0]],
  ['tcp_comp_sack_nr', [0]],
  ['tcp_keepalive_time', [1, 2]],
  ['tcp_keepalive_intvl', [1]],
  ['tcp_keepalive_probes', [1, 2]],
  ['tcp_retries1', [1]],
  ['tcp_frto', [0]],
  ['tcp_reordering', [1, 10]],
  ['tcp_app_win', [0, 2]],
  ['tcp_thin_linear_timeouts', [1]],
  ['tcp_pingpong_thresh', [1, 3]],
  ['tcp_min_tso_segs', [1]],
  ['tcp_limit_output_bytes', [4096]],
  ['tcp_notsent_lowat', [1, 5000]],
  ['tcp_tw_reuse_delay', [1, 100]],
  ['tcp_no_metrics_save', [1]],
  ['tcp_fwmark_accept', [1]],
];

/** Some settings of the system. */
export function sysctls(b: Builder): void {
  while (b.chance(0.4)) {
    const [name, values] = b.pick(settings);
    b.sysctl(`net.ipv4.${name}`, b.pick(values));
  }
  if (b.chance(0.06)) b.sysctl('net.core.somaxconn', b.pick([0, 1]));
}
