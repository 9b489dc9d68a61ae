/**
 * The commands with which to see each topic of the lab on one's own kernel. They are fixed: the page names a topic, never
 * a command. Each runs in a network namespace of its own, with bash, iproute2 and nc, in a few seconds.
 */

interface LiveTopic {
  readonly topic: number;
  /** Made before, and not shown as part of the lesson. */
  readonly before: readonly string[];
  /** Shown, and run one after the other. */
  readonly commands: readonly string[];
  /** What the output of a kernel that behaves as told has in it. */
  readonly expect: string;
}

/** A network in which packets go out and nobody answers. */
const silence: readonly string[] = [
  'ip tuntap add dev t0 mode tun',
  'ip addr add 192.0.2.1/24 dev t0',
  'ip link set t0 up',
];
/** A service on port 8080. */
const service = 'nc -lk 127.0.0.1 8080 >/dev/null & sleep 0.2';
const narrow = "sysctl -w net.ipv4.ip_local_port_range='50000 50019'";
const loop =
  'n=0; until exec 3<>/dev/tcp/127.0.0.1/50000; do n=$((n+1)); [ $n -lt 900 ] || break; done 2>/dev/null; echo "refused $n times"';

export const liveTopics: readonly LiveTopic[] = [
  {
    topic: 1,
    before: [service],
    commands: ['nc -w 1 127.0.0.1 8080 </dev/null & sleep 0.2', 'ss -tan'],
    expect: 'ESTAB',
  },
  {
    topic: 2,
    before: silence,
    commands: ['timeout 2 nc 192.0.2.9 8080 & sleep 1.3', 'ss -tnoi state syn-sent'],
    expect: 'timer:\\(on,',
  },
  {
    topic: 3,
    before: [service],
    commands: [
      'sysctl -w net.ipv4.tcp_window_scaling=0',
      'nc -w 1 127.0.0.1 8080 </dev/null & sleep 0.2',
      'ss -tni dport = :8080',
    ],
    expect: 'mss:\\d+',
  },
  {
    topic: 4,
    before: [service],
    commands: [
      'nc -w 1 -p 40001 127.0.0.1 8080 </dev/null; sleep 0.2',
      'nc -w 1 -p 40002 127.0.0.1 8080 </dev/null; sleep 0.2',
      'tcpdump -nS -r "$CAPTURE" "tcp[13] = 2"',
    ],
    expect: 'seq \\d+',
  },
  {
    topic: 5,
    before: [service],
    commands: ['nc -w 1 127.0.0.1 8080 </dev/null; sleep 0.2', 'tcpdump -nS -r "$CAPTURE" "tcp[13] = 18"'],
    expect: 'seq \\d+, ack \\d+',
  },
  {
    topic: 6,
    before: [service],
    commands: ['nc -N 127.0.0.1 8080 </dev/null; sleep 0.3', 'ss -tano'],
    expect: 'TIME-WAIT|FIN-WAIT-2',
  },
  {
    topic: 7,
    before: silence,
    commands: [
      'sysctl -w net.ipv4.tcp_syn_linear_timeouts=0 net.ipv4.tcp_syn_retries=1',
      'time nc -v 192.0.2.9 8080',
    ],
    expect: 'timed out',
  },
  {
    // Two programs can hardly call at the same moment; one that calls itself always does.
    topic: 8,
    before: [],
    commands: ['nc -s 127.0.0.1 -p 7000 -w 2 127.0.0.1 7000 </dev/null & sleep 0.3', 'ss -tn'],
    expect: '127.0.0.1:7000\\s+127.0.0.1:7000',
  },
  { topic: 9, before: [], commands: [narrow, loop, 'ss -tn'], expect: '127.0.0.1:50000\\s+127.0.0.1:50000' },
  {
    topic: 10,
    before: [narrow],
    commands: [loop, 'ss -tn', 'nc -l 127.0.0.1 50000'],
    expect: 'in use',
  },
  {
    topic: 11,
    before: [narrow],
    commands: [
      'sysctl -w net.ipv4.ip_local_reserved_ports=50000',
      loop,
      'timeout 0.5 nc -l 127.0.0.1 50000 & sleep 0.2; ss -tln',
    ],
    expect: 'LISTEN.*127.0.0.1:50000',
  },
  {
    topic: 12,
    before: [narrow],
    commands: [
      loop,
      'ss -tnH "sport = :50000 and dport = :50000"',
      'ss -tK "sport = :50000 and dport = :50000" >/dev/null; exec 3>&-',
      'timeout 0.5 nc -l 127.0.0.1 50000 & sleep 0.2; ss -tln',
    ],
    expect: '127.0.0.1:50000\\s+127.0.0.1:50000',
  },
];
