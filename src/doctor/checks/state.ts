/** Checks of what the host keeps about connections and of the options it negotiates. */
import type { Check, Finding } from '../check.ts';
import { type Host, numberOf, sysctl } from '../host.ts';
import { count, growing, settingEvidence } from './common.ts';

/** What a connection loses when the option is off (RFC 7323 for the first two, RFC 2018 for the third). */
const options: readonly { readonly name: string; readonly loss: string }[] = [
  {
    name: 'net.ipv4.tcp_timestamps',
    loss: 'no protection against old segments, no early reuse of TIME-WAIT ports',
  },
  { name: 'net.ipv4.tcp_window_scaling', loss: 'at most 64 KiB in flight, slow on long paths' },
  { name: 'net.ipv4.tcp_sack', loss: 'one lost segment costs a round trip, several cost a time-out' },
];

const disabledOptions: Check = {
  id: 'disabled-options',
  rules: options.map(({ name, loss }) => (host: Host): Finding[] => {
    if (numberOf(host, name) !== 0) return [];
    return [
      {
        severity: 'warn',
        subject: name,
        summary: `${name} is off: ${loss}`,
        evidence: [settingEvidence(host, name)],
        fixes: [{ kind: 'sysctl', name, value: '1' }],
      },
    ];
  }),
};

const bucketsName = 'net.ipv4.tcp_max_tw_buckets';
/** What tcp_max_tw_buckets is raised to at least. */
const leastBuckets = 65536;

const timeWaitOverflow: Check = {
  id: 'time-wait-overflow',
  rules: [
    growing({
      name: 'TcpExt.TCPTimeWaitOverflow',
      severity: 'warn',
      means: 'connections were closed without TIME-WAIT',
      fixes: (host) => {
        const now = sysctl(host, bucketsName);
        const value = now.ok ? Math.max(leastBuckets, 2 * Number(now.value)) : leastBuckets;
        return [{ kind: 'sysctl', name: bucketsName, value: `${value}` }];
      },
      zeroWhenHealthy: true,
    }),
  ],
};

const challengeAcks: Check = {
  id: 'challenge-acks',
  rules: [
    growing({
      name: 'TcpExt.TCPSYNChallenge',
      severity: 'warn',
      shareOf: ['Tcp.PassiveOpens'],
      means: 'SYNs arrived for connections that exist',
      fixes: [{ kind: 'look', command: "tcpdump -ni any -c 20 'tcp[tcpflags] & tcp-syn != 0'" }],
    }),
    growing({
      name: 'TcpExt.TCPChallengeACK',
      severity: 'warn',
      shareOf: ['Tcp.InSegs'],
      means: 'challenge ACKs were sent for segments out of place',
      fixes: [
        { kind: 'look', command: "tcpdump -ni any -c 20 'tcp[tcpflags] & (tcp-syn|tcp-rst) != 0'" },
        {
          kind: 'advice',
          text: 'Raise the idle time-out of the NAT or load balancer between, or send keep-alives more often than it.',
        },
      ],
    }),
  ],
};

const pawsDrops: Check = {
  id: 'paws-drops',
  rules: [
    growing({
      name: 'TcpExt.PAWSEstab',
      severity: 'warn',
      means: 'segments with an old timestamp were dropped in established connections',
      fixes: [
        {
          kind: 'advice',
          text: 'Where clients share an address, let the NAT rewrite or remove timestamps, or give each client its own address.',
        },
      ],
    }),
    growing({
      name: 'TcpExt.PAWSActive',
      severity: 'warn',
      means: "answers to SYNs were dropped because they echoed a timestamp that was not the SYN's",
      fixes: [
        {
          kind: 'advice',
          text: 'Look for a middlebox that rewrites timestamps between this host and the servers it connects to.',
        },
      ],
    }),
  ],
};

const maxName = 'net.netfilter.nf_conntrack_max';
const countName = 'net.netfilter.nf_conntrack_count';

const conntrackFull: Check = {
  id: 'conntrack-full',
  rules: [
    (host) => {
      const reading = sysctl(host, maxName);
      // Not there: connection tracking is not loaded, and there is no table to fill.
      if (!reading.ok && reading.absent === true) return [];
      const limit = numberOf(host, maxName);
      const used = numberOf(host, countName);
      // 0 means no limit.
      if (limit === 0 || used * 10 <= limit * 9) return [];
      return [
        {
          severity: used * 20 > limit * 19 ? 'critical' : 'warn',
          subject: maxName,
          summary: `connection tracking holds ${count(used)} of at most ${count(limit)} entries (${Math.floor((used * 100) / limit)} %)`,
          evidence: [settingEvidence(host, countName), settingEvidence(host, maxName)],
          fixes: [{ kind: 'sysctl', name: maxName, value: `${limit * 2}` }],
        },
      ];
    },
  ],
};

/** The checks of this file. */
export const stateChecks: readonly Check[] = [
  conntrackFull,
  timeWaitOverflow,
  challengeAcks,
  pawsDrops,
  disabledOptions,
];
