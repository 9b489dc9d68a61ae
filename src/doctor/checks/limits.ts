/** Checks of limits that the kernel sets to what TCP needs of it: neighbours, memory, orphans. */
import type { Check, Finding, Fix } from '../check.ts';
import { growthIfKnown, growthOf, type Host, known, numberOf, samplesOf, sysctl, Unread } from '../host.ts';
import { addressText, state } from '../sockets.ts';
import { advice, count, growing, plural, rate, settingEvidence } from './common.ts';

const look = (command: string): Fix => ({ kind: 'look', command });

/** A setting that only the first network namespace shows; null where it is not shown. */
function globalNumber(host: Host, name: string): number | null {
  const reading = sysctl(host, name);
  return !reading.ok && reading.absent === true ? null : numberOf(host, name);
}

/** The neighbour table of one family. */
function neighbours(file: 'arp' | 'ndisc', thresholdName: string): (host: Host) => Finding[] {
  return (host) => {
    const { after } = samplesOf(host, `${file}.`);
    // Network namespaces other than the first, and kernels without IPv6, do not show the table.
    if (!after.ok && after.absent) return [];
    const full = growthOf(host, `${file}.table_fulls`);
    const entries = known(after).get(`${file}.entries`) ?? 0;
    const limit = globalNumber(host, thresholdName);
    const atLimit = limit !== null && limit > 0 && entries >= limit;
    const near = limit !== null && limit > 0 && entries * 10 > limit * 9;
    if (full.by === 0 && !near) return [];
    const family = file === 'arp' ? 'IPv4' : 'IPv6';
    const happened =
      full.by > 0 ? `, ${plural(full.by, 'new neighbour')} refused (${rate(host, full.by)})` : '';
    const size = limit === null ? count(entries) : `${count(entries)} of at most ${count(limit)}`;
    const value = Math.max(4096, 2 * (limit ?? entries));
    return [
      {
        severity: full.by > 0 || atLimit ? 'high' : 'warn',
        subject: thresholdName,
        summary: `the neighbour table of ${family} is ${full.by > 0 || atLimit ? 'full' : 'nearly full'}: ${size} entries${happened}`,
        evidence: [
          { where: after.where, what: `entries ${count(entries)}, table_fulls ${count(full.total)}` },
          ...(limit === null ? [] : [settingEvidence(host, thresholdName)]),
        ],
        fixes: [
          { kind: 'sysctl', name: thresholdName, value: `${value}` },
          {
            kind: 'advice',
            text: `Set gc_thresh2 beside it to about half, and look for whoever asks for so many neighbours.`,
          },
          look('ip -s neigh | wc -l'),
        ],
      },
    ];
  };
}

const neighbourTable: Check = {
  id: 'neighbour-table-full',
  rules: [
    neighbours('arp', 'net.ipv4.neigh.default.gc_thresh3'),
    neighbours('ndisc', 'net.ipv6.neigh.default.gc_thresh3'),
  ],
};

const unresolvedNeighbour: Check = {
  id: 'neighbour-silent',
  readsSockets: true,
  rules: [
    (host) => {
      const waiting = new Map<string, number>();
      const { sockets } = host.sockets;
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.state[row] !== state.synSent) continue;
        const to = addressText(sockets.remoteAddress, row);
        waiting.set(to, (waiting.get(to) ?? 0) + 1);
      }
      if (waiting.size === 0) return [];
      const silent = known(host.unresolved).filter(({ address }) => waiting.has(address));
      return silent.map(({ address, device }) => ({
        severity: 'warn',
        subject: address,
        summary: `${address} does not answer ARP on ${device}: ${plural(waiting.get(address)!, 'connection')} in SYN-SENT whose SYN has not left this host`,
        evidence: [
          { where: host.unresolved.where, what: `${address} on ${device} with flags 0x0 (incomplete)` },
        ],
        fixes: [
          advice(
            `If ${address} is not on ${device} but behind a router, the network of ${device} overlaps with its own (bridges of containers often do): give one of them another network.`,
          ),
          look(`ip neigh show ${address}`),
          look(`ip route get ${address}`),
        ],
      }));
    },
  ],
};

const memName = 'net.ipv4.tcp_mem';
const orphansName = 'net.ipv4.tcp_max_orphans';

function memoryLimits(host: Host): number[] | null {
  const reading = sysctl(host, memName);
  if (!reading.ok && reading.absent) return null;
  const limits = known(reading).trim().split(/\s+/).map(Number);
  if (limits.length !== 3 || limits.some((limit) => !Number.isFinite(limit))) {
    throw new Unread(reading.where, `'${known(reading).trim()}' is not three numbers`);
  }
  return limits;
}

const tcpMemory: Check = {
  id: 'tcp-memory',
  rules: [
    (host) => {
      const used = known(host.sockstat).get('TCP.mem');
      const limits = memoryLimits(host);
      if (used === undefined) throw new Unread(host.sockstat.where, 'it does not show the memory of TCP');
      const aborted = growthIfKnown(host, 'TcpExt.TCPAbortOnMemory')?.by ?? 0;
      const [, pressure = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY] = limits ?? [];
      if (used <= pressure && aborted === 0) return [];
      const over = used > most || aborted > 0;
      const killed =
        aborted > 0 ? `, ${plural(aborted, 'connection')} aborted for want of it or as orphans` : '';
      const whole = Number.isFinite(most) ? ` of at most ${count(most)}` : '';
      return [
        {
          severity: over ? 'high' : 'warn',
          subject: memName,
          summary: `TCP ${over ? 'is out of memory' : 'is short of memory'}: ${count(used)} pages in use${whole}${killed}`,
          evidence: [
            { where: host.sockstat.where, what: `TCP mem ${count(used)}` },
            ...(limits === null ? [] : [settingEvidence(host, memName)]),
          ],
          fixes: [
            ...(limits === null
              ? []
              : [
                  {
                    kind: 'sysctl',
                    name: memName,
                    value: limits.map((limit) => limit * 2).join(' '),
                  } as const,
                ]),
            {
              kind: 'advice',
              text: 'Look for connections whose data nobody reads or nobody acknowledges; smaller tcp_rmem and tcp_wmem make room as well.',
            },
            look('ss -tnm'),
          ],
        },
      ];
    },
    growing({
      name: 'TcpExt.TCPMemoryPressures',
      severity: 'warn',
      means: 'TCP came under memory pressure',
      fixes: [look('cat /proc/net/sockstat /proc/sys/net/ipv4/tcp_mem')],
    }),
  ],
};

const orphans: Check = {
  id: 'too-many-orphans',
  rules: [
    (host) => {
      const limit = globalNumber(host, orphansName);
      const orphaned = known(host.sockstat).get('TCP.orphan');
      if (limit === null || orphaned === undefined || orphaned * 10 <= limit * 9) return [];
      return [
        {
          severity: orphaned > limit ? 'high' : 'warn',
          subject: orphansName,
          summary: `${count(orphaned)} orphaned connections of at most ${count(limit)}: those above it are reset`,
          evidence: [
            { where: host.sockstat.where, what: `TCP orphan ${count(orphaned)}` },
            settingEvidence(host, orphansName),
          ],
          fixes: [
            { kind: 'sysctl', name: orphansName, value: `${limit * 2}` },
            { kind: 'sysctl', name: 'net.ipv4.tcp_orphan_retries', value: '3' },
            look('ss -tn state fin-wait-1 state last-ack'),
          ],
        },
      ];
    },
  ],
};

/** The checks of this file. */
export const limitChecks: readonly Check[] = [neighbourTable, unresolvedNeighbour, tcpMemory, orphans];
