/** Checks of SYNs that this host dropped although its listeners had room: no way back, connection tracking, unknown. */
import type { Check, Finding } from '../check.ts';
import { type Growth, growthIfKnown, growthOf, type Host, known, samplesOf } from '../host.ts';
import { advice, by, count, grown, look, plural, rate } from './common.ts';

/** SYNs that were dropped at a listener although neither of its queues was full. */
function dropsBesideQueues(host: Host): number {
  return Math.max(
    0,
    by(host, 'TcpExt.ListenDrops') - by(host, 'TcpExt.ListenOverflows', 'TcpExt.TCPReqQFullDrop'),
  );
}

const noRoutes = (host: Host): Growth[] =>
  ['Ip.OutNoRoutes', 'Ip6.OutNoRoutes'].flatMap((name) => {
    const growth = growthIfKnown(host, name);
    return growth !== null && growth.by > 0 ? [growth] : [];
  });

const noWayBack: Check = {
  id: 'no-way-back',
  rules: [
    (host) => {
      const drops = growthOf(host, 'TcpExt.ListenDrops');
      const lost = dropsBesideQueues(host);
      const routes = noRoutes(host);
      if (lost === 0 || routes.length === 0) return [];
      const strangers = host.strangers.ok ? host.strangers.value : [];
      const to = strangers.length > 0 ? strangers.slice(0, 3).join(', ') : 'where they came from';
      const evidence = [grown(host, drops), ...routes.map((growth) => grown(host, growth))];
      if (host.strangers.ok && strangers.length > 0) {
        evidence.push({
          where: host.strangers.where,
          what: `SYNs from ${strangers.join(', ')}, without an answer`,
        });
      }
      if (host.routes.ok) {
        const { refused, hasDefault } = host.routes.value;
        if (refused.length > 0) {
          evidence.push({
            where: host.routes.where,
            what: `routes that refuse: ${refused.slice(0, 5).join(', ')}`,
          });
        }
        if (!hasDefault) evidence.push({ where: host.routes.where, what: 'no default route' });
      }
      return [
        {
          severity: 'high',
          subject: 'OutNoRoutes',
          summary: `no route back to ${to}: ${plural(lost, 'SYN')} dropped in ${host.seconds.toFixed(1)} s (${rate(host, lost)})`,
          evidence,
          fixes: [
            advice('Add a route to the clients (or a default route), or remove the one that refuses them.'),
            ...strangers.slice(0, 3).map((address) => look(`ip route get ${address}`)),
            look('ip route show table all'),
            look("tcpdump -ni any -c 20 'tcp[tcpflags] & tcp-syn != 0'"),
          ],
        },
      ];
    },
  ],
};

/** Drops that neither full queues nor this moment account for, as one line. */
function earlierDrops(host: Host, drops: Growth): Finding[] {
  const total = (name: string): number => growthIfKnown(host, name)?.total ?? 0;
  const rest = drops.total - total('TcpExt.ListenOverflows') - total('TcpExt.TCPReqQFullDrop');
  if (rest <= 0 || drops.by > 0) return [];
  return [
    {
      severity: 'info',
      subject: 'ListenDrops',
      summary: `ListenDrops is ${count(rest)} above what full queues account for, but did not grow: SYNs were dropped before`,
      evidence: [grown(host, drops)],
      fixes: [look('nstat -az TcpExtListenDrops IpOutNoRoutes')],
    },
  ];
}

const listenDrops: Check = {
  id: 'unexplained-listen-drops',
  rules: [
    (host) => {
      const drops = growthOf(host, 'TcpExt.ListenDrops');
      const lost = dropsBesideQueues(host);
      if (lost === 0) return earlierDrops(host, drops);
      if (noRoutes(host).length > 0) return [];
      return [
        {
          severity: 'high',
          subject: 'ListenDrops',
          summary: `ListenDrops grew by ${count(lost)} (${rate(host, lost)}) although no queue was full and no route was missing: what dropped these SYNs is not known`,
          evidence: [
            grown(host, drops),
            { where: drops.where, what: 'ListenOverflows and TCPReqQFullDrop did not grow as much' },
          ],
          fixes: [
            advice(
              "A security module, an eBPF program or a shortage of memory can do that; halfopen watch shows the kernel's reason.",
            ),
            look('dmesg | tail -50'),
          ],
        },
      ];
    },
  ],
};

/** Ports of a translation that are all taken at this moment, on a host that has dropped connections before. */
function usedUp(host: Host, drop: Growth, failed: Growth): Finding[] {
  if (!host.nat.ok) return [];
  const full = host.nat.value.flatMap((use) => {
    const range = host.natRanges.find(
      ({ first, last }) => use.first >= first && use.last <= last && use.ports > last - first,
    );
    return range === undefined ? [] : [{ ...use, range }];
  });
  return full.slice(0, 5).map(({ from, to, ports, range }) => ({
    severity: 'high',
    subject: `${from} -> ${to}`,
    summary: `NAT has no source port left from ${from} to ${to}: all ${ports} of ${range.first}-${range.last} are held, and ${plural(Math.max(drop.total, failed.total), 'connection')} were dropped before`,
    evidence: [
      grown(host, failed),
      grown(host, drop),
      { where: host.nat.where, what: `${ports} entries to ${to}` },
    ],
    fixes: [
      advice(
        'Give the translation a wider range of ports or more source addresses; reuse connections; shorten the time-outs of closed ones.',
      ),
      look('conntrack -L -p tcp'),
    ],
  }));
}

const conntrackDrops: Check = {
  id: 'conntrack-drops',
  rules: [
    (host, note) => {
      const samples = samplesOf(host, 'conntrack.drop');
      // Without connection tracking there is nothing that could drop.
      if (!samples.after.ok && samples.after.absent) return [];
      const drop = growthOf(host, 'conntrack.drop');
      const failed = growthOf(host, 'conntrack.insert_failed');
      const lost = Math.max(drop.by, failed.by);
      if (lost === 0) return usedUp(host, drop, failed);
      // One that lost a race against itself (the same packet twice) is not dropped and not worth more than a line.
      const severity = drop.by > 0 ? 'high' : 'info';
      const nat = host.nat.ok ? host.nat.value[0] : undefined;
      if (!host.nat.ok && !host.nat.absent) note(host.nat.where, host.nat.why);
      const clash = failed.by > 0 && nat !== undefined;
      const whose = clash
        ? `: source ports for ${nat.to} are used up or clash (${nat.from} holds ${plural(nat.ports, 'port')}, ${nat.first} to ${nat.last})`
        : failed.by > 0
          ? ': translated source ports are used up or clash'
          : ': its table is full, or the packets fit no connection';
      return [
        {
          severity,
          subject: failed.by > 0 ? 'insert_failed' : 'drop',
          summary: `connection tracking dropped ${plural(lost, 'new connection')} (${rate(host, lost)})${whose}`,
          evidence: [grown(host, failed), grown(host, drop)],
          fixes: [
            advice(
              failed.by > 0
                ? 'Masquerade with --random-fully (nft: masquerade fully-random), from more source addresses, or over a wider range of ports; reuse connections.'
                : 'Raise net.netfilter.nf_conntrack_max, or shorten the time-outs of entries.',
            ),
            look('conntrack -S'),
            look('conntrack -L -p tcp'),
          ],
        },
      ];
    },
  ],
};

const noRouteOut: Check = {
  id: 'no-route',
  rules: [
    (host) => {
      const routes = noRoutes(host);
      if (routes.length === 0 || dropsBesideQueues(host) > 0) return [];
      known(host.after);
      const total = routes.reduce((sum, growth) => sum + growth.by, 0);
      return [
        {
          severity: 'warn',
          subject: 'OutNoRoutes',
          summary: `no route: ${plural(total, 'packet or connect', 'packets or connects')} failed (${rate(host, total)})`,
          evidence: routes.map((growth) => grown(host, growth)),
          fixes: [look('ip route show table all'), look('ip -6 route show table all')],
        },
      ];
    },
    (host) => {
      known(host.before);
      return [];
    },
  ],
};

/** The checks of this file. */
export const lostSynChecks: readonly Check[] = [noWayBack, listenDrops, noRouteOut, conntrackDrops];
