/** Checks of packets that were lost before or beside TCP: each place where the kernel counts one. */
import type { Check, Finding } from '../check.ts';
import { growthIfKnown, growthOf, type Host, known, samplesOf } from '../host.ts';
import { state } from '../sockets.ts';
import { advice, by, count, growing, grown, look, plural, rate, shortName } from './common.ts';

const reversePath: Check = {
  id: 'reverse-path-drops',
  rules: [
    growing({
      name: 'TcpExt.IPReversePathFilter',
      severity: 'high',
      means: 'packets came in by another interface than the one that leads to their source',
      fixes: [
        advice(
          'If the way back is meant to differ: sysctl -w net.ipv4.conf.IFACE.rp_filter=2 (loose) on that interface; otherwise mend the route.',
        ),
        look('sysctl -a --pattern "net.ipv4.conf.*.rp_filter"'),
        look('nstat -az TcpExtIPReversePathFilter'),
      ],
    }),
    (host) => {
      const martians = ['routes.in_martian_src', 'routes.in_martian_dst'].flatMap((name) => {
        const growth = growthIfKnown(host, name);
        return growth !== null && growth.by > 0 && by(host, 'TcpExt.IPReversePathFilter') === 0
          ? [growth]
          : [];
      });
      // The kernel counts them for all networks of the machine together: with several, it may be another's.
      const alone = host.networks === 1;
      const whose = alone ? '' : ', in some network of this machine';
      return martians.map((growth) => ({
        severity: alone ? 'high' : 'info',
        subject: shortName(growth.name),
        summary: `${shortName(growth.name)} grew by ${count(growth.by)} (${rate(host, growth.by)}): packets with an address that cannot be were dropped${whose}`,
        evidence: [grown(host, growth)],
        fixes: [
          look('sysctl net.ipv4.conf.all.log_martians'),
          advice("Look for a NAT that is not undone, or the host's own address in use elsewhere."),
        ],
      }));
    },
  ],
};

const misrouted: Check = {
  id: 'misrouted-packets',
  rules: [
    growing({
      name: 'Ip.InAddrErrors',
      severity: 'high',
      means: 'packets for other addresses were dropped (forwarding is off here)',
      fixes: [
        advice(
          "If this host is a router: sysctl -w net.ipv4.ip_forward=1; otherwise give the address to an interface, or mend the sender's route.",
        ),
        look('ip -br addr'),
      ],
      least: 1,
    }),
  ],
};

const checksums: Check = {
  id: 'checksum-errors',
  rules: [
    growing({
      name: 'Tcp.InCsumErrors',
      severity: 'high',
      means: 'TCP segments with a wrong checksum were dropped',
      fixes: [
        advice(
          'Switch off checksum offloading on the interface or tunnel to see whether it is the cause: ethtool -K IFACE tx off rx off',
        ),
        look('nstat -az TcpInCsumErrors'),
      ],
    }),
  ],
};

/** Shares of packets from which the drops of a device are worth more than a line. */
const dropShare = 100;

const deviceDrops: Check = {
  id: 'device-drops',
  rules: [
    (host) => {
      const dropped = growthOf(host, 'softnet.dropped');
      if (dropped.by === 0) return [];
      return [
        {
          severity: 'high',
          subject: 'softnet',
          summary: `the backlog of a CPU was full: ${plural(dropped.by, 'packet')} dropped (${rate(host, dropped.by)}), of any network of this machine`,
          evidence: [
            {
              where: dropped.where,
              what: `second column, ${count(dropped.total - dropped.by)}, later ${count(dropped.total)}`,
            },
          ],
          fixes: [
            { kind: 'sysctl', name: 'net.core.netdev_max_backlog', value: '10000' },
            advice('Spread the packets over more CPUs (RPS, more queues).'),
          ],
        },
      ];
    },
    (host) =>
      manyDrops(host, 'devices', [
        ['rx_dropped', 'rx_packets', 'received'],
        ['rx_errors', 'rx_packets', 'received'],
        ['tx_dropped', 'tx_packets', 'sent'],
      ]),
    (host) => manyDrops(host, 'qdisc', [['drops', 'packets', 'sent']]),
  ],
};

/** Devices or queues that dropped more than a hundredth of their packets. */
function manyDrops(host: Host, file: 'devices' | 'qdisc', columns: [string, string, string][]): Finding[] {
  const reading = samplesOf(host, `${file}.`).after;
  // Queues are asked of tc, which is not everywhere; what it would say is a bonus.
  if (!reading.ok && reading.absent && file === 'qdisc') return [];
  const findings: Finding[] = [];
  for (const name of known(reading).keys()) {
    for (const [column, basis, verb] of columns) {
      if (!name.endsWith(`.${column}`)) continue;
      const dropped = growthIfKnown(host, name);
      const device = name.slice(file.length + 1, -column.length - 1);
      const packets = by(host, `${file}.${device}.${basis}`);
      if (dropped === null || dropped.by < 2 || dropped.by * dropShare <= packets) continue;
      findings.push({
        severity: 'high',
        subject: `${device} ${column}`,
        summary: `${device} dropped ${plural(dropped.by, 'packet')} (${rate(host, dropped.by)}) beside ${count(packets)} ${verb}`,
        evidence: [
          {
            where: dropped.where,
            what: `${device} ${column} ${count(dropped.total - dropped.by)}, later ${count(dropped.total)}`,
          },
        ],
        fixes: [look(`ip -s -s link show`), look('tc -s qdisc show')],
      });
    }
  }
  return findings;
}

const tcpMd5 =
  'segments without the signature that their connection asks for, or with a wrong one, were dropped';

/** Counters of lost segments that no other check explains: what they count, and how bad it is. */
const others: readonly [string, 'high' | 'warn' | 'info', string][] = [
  ['TcpExt.TCPMD5NotFound', 'high', tcpMd5],
  ['TcpExt.TCPMD5Unexpected', 'high', tcpMd5],
  ['TcpExt.TCPMD5Failure', 'high', tcpMd5],
  ['TcpExt.TCPAORequired', 'high', tcpMd5],
  ['TcpExt.TCPAOBad', 'high', tcpMd5],
  ['TcpExt.TCPAOKeyNotFound', 'high', tcpMd5],
  [
    'TcpExt.TCPMinTTLDrop',
    'high',
    'segments whose time to live was below what the socket asks for were dropped',
  ],
  [
    'TcpExt.PFMemallocDrop',
    'high',
    'segments were dropped because memory was so short that only the swap could be served',
  ],
  [
    'TcpExt.TCPBacklogDrop',
    'warn',
    'segments were dropped because their socket was busy and its backlog full',
  ],
  ['TcpExt.TCPRcvQDrop', 'warn', 'segments were dropped because their receive queue was full'],
  ['TcpExt.TCPZeroWindowDrop', 'info', 'segments into a closed window were dropped'],
  [
    'TcpExt.TCPDeferAcceptDrop',
    'info',
    'the last ACK of a handshake was not used: the listener waits for data (TCP_DEFER_ACCEPT)',
  ],
  ['TcpExt.TCPFastOpenListenOverflow', 'warn', 'Fast Open requests found their queue full'],
  ['TcpExt.TCPMigrateReqFailure', 'high', 'half-open connections were lost when their listener closed'],
  [
    'TcpExt.SyncookiesFailed',
    'info',
    'ACKs came whose SYN cookie was wrong: strays, scanners, or cookies of another host',
  ],
  ['TcpExt.TSEcrRejected', 'info', 'segments that echoed a timestamp which was never sent were dropped'],
  ['TcpExt.PAWSTimewait', 'warn', 'SYNs with an old timestamp were dropped in TIME-WAIT'],
  ['TcpExt.PruneCalled', 'info', 'receive buffers had to be pruned'],
  ['TcpExt.TCPOFODrop', 'info', 'segments out of order found no room'],
  ['Ip.InDiscards', 'high', 'received packets were discarded for want of memory'],
  ['Ip.InHdrErrors', 'info', 'packets with a broken header, or whose time to live had ended, were dropped'],
  [
    'Ip.OutDiscards',
    'warn',
    'packets to be sent were discarded, by a full queue, a filter or want of memory',
  ],
  ['Ip.ReasmFails', 'info', 'fragments could not be put together'],
  ['Ip.FragFails', 'info', 'packets that must not be fragmented were too large for their way'],
  ['Ip6.InDiscards', 'high', 'received packets were discarded for want of memory'],
  ['Ip6.OutDiscards', 'warn', 'packets to be sent were discarded'],
  ['Ip6.InAddrErrors', 'high', 'packets for other addresses were dropped'],
  ['Ip6.InHdrErrors', 'info', 'packets with a broken header were dropped'],
  ['Ip6.InNoRoutes', 'warn', 'packets were dropped because no route leads on'],
];

const otherDrops: Check = {
  id: 'other-drops',
  rules: [
    (host) =>
      others.flatMap(([name, severity, means]) => {
        const growth = growthIfKnown(host, name);
        if (growth === null || growth.by === 0) return [];
        return [
          {
            severity,
            subject: shortName(name),
            summary: `${name.replace('TcpExt.', '').replace('.', ' ')} grew by ${count(growth.by)} (${rate(host, growth.by)}): ${means}`,
            evidence: [grown(host, growth)],
            fixes: [look(`nstat -az '${name.replace('.', '')}'`)],
          } satisfies Finding,
        ];
      }),
    // Without netstat it knows nothing; the files beside it are a bonus.
    (host) => {
      known(host.after);
      return [];
    },
  ],
};

const firewallDrops: Check = {
  id: 'firewall-drops',
  readsSockets: true,
  rules: [
    (host) => {
      // Only root may read the rules; the report says so.
      if (!host.firewall.ok && host.firewall.absent) return [];
      const { sockets } = host.sockets;
      const listening = new Set<number>();
      const asked = new Set<number>();
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.state[row] === state.listen) listening.add(sockets.localPort[row]!);
        else if (sockets.state[row] === state.synSent) asked.add(sockets.remotePort[row]!);
      }
      return known(host.firewall).flatMap((rule): Finding[] => {
        if (rule.packets === null || rule.packets.after <= rule.packets.before) return [];
        const concerned = rule.hook === 'output' ? asked : rule.hook === 'input' ? listening : null;
        // What a rule for all ports takes away is mostly the noise of the internet.
        const port = [...(concerned ?? [])].find((one) =>
          rule.ports?.some(({ first, last }) => one >= first && one <= last),
        );
        if (port === undefined) return [];
        const packets = rule.packets.after - rule.packets.before;
        const whose = rule.hook === 'output' ? 'that this host connects to' : 'that a service listens on';
        return [
          {
            severity: 'high',
            subject: rule.place,
            summary: `a firewall rule ${rule.verdict === 'drop' ? 'drops' : 'rejects'} packets to port ${port}, ${whose}: ${count(packets)} (${rate(host, packets)})`,
            evidence: [
              {
                where: host.firewall.where,
                what: `${rule.place}, counter ${count(rule.packets.before)}, later ${count(rule.packets.after)}`,
              },
            ],
            fixes: [
              look('nft -a list ruleset'),
              advice('Remove the rule, or narrow it to those that are meant.'),
            ],
          },
        ];
      });
    },
  ],
};

/** The checks of this file. */
export const dropChecks: readonly Check[] = [
  reversePath,
  misrouted,
  checksums,
  deviceDrops,
  firewallDrops,
  otherDrops,
];
