/** Checks of SYNs that came in while the doctor looked: dropped, refused although somebody listens, or for another address. */
import type { Check, Evidence, Finding } from '../check.ts';
import { growthIfKnown, type Host, known, type LostSyns } from '../host.ts';
import { endpointText, state } from '../sockets.ts';
import { advice, by, look, plural, rate } from './common.ts';

/** Counters that tell of a drop better than its packet does, by the kernel's word for it. */
const toldBy: Readonly<Record<string, readonly string[]>> = {
  TCP_CSUM: ['Tcp.InCsumErrors'],
  IP_RPFILTER: ['TcpExt.IPReversePathFilter'],
  IP_INADDRERRORS: ['Ip.InAddrErrors'],
  IP_OUTNOROUTES: ['Ip.OutNoRoutes', 'Ip6.OutNoRoutes'],
  TCP_MD5NOTFOUND: ['TcpExt.TCPMD5NotFound'],
  TCP_MD5UNEXPECTED: ['TcpExt.TCPMD5Unexpected'],
  TCP_MD5FAILURE: ['TcpExt.TCPMD5Failure'],
  TCP_AONOTFOUND: ['TcpExt.TCPAOKeyNotFound'],
  TCP_MINTTL: ['TcpExt.TCPMinTTLDrop'],
  NETFILTER_DROP: ['conntrack.drop'],
};

/** What the kernel's words mean to those who do not know them. */
const meanings: Readonly<Record<string, string>> = {
  NETFILTER_DROP: 'a firewall rule or policy of this host takes them away',
  IP_RPFILTER: 'the reverse path filter takes them away: their source is not routed by that interface',
  TCP_CSUM: 'their checksum is wrong',
  IP_LOCAL_SOURCE: 'their source is an address of this host itself',
  IP_INVALID_SOURCE: 'their source cannot be an address',
  IP_LOCALNET: 'an address of the loopback network came from outside',
  IP_INVALID_DEST: 'their destination cannot be an address from there',
  TC_INGRESS: 'a traffic control rule or eBPF program drops them',
  XDP: 'an XDP program drops them',
  NEIGH_FAILED: 'the next hop does not answer ARP',
};

/** Addresses that only a network of one's own has: 10/8, 172.16/12, 192.168/16, 100.64/10, link-local, loopback, fc00::/7. */
function isPrivate(address: string): boolean {
  const [a = 0, b = 0] = address.split('.').map(Number);
  if (!address.includes(':'))
    return (
      a === 10 ||
      a === 127 ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254)
    );
  return /^(fc|fd|fe[89ab])|^::1$/i.test(address);
}

/** Listeners on a port: whether one takes connections to this address, and where the others listen. */
function listenersAt(host: Host, lost: LostSyns): { takes: boolean; elsewhere: string[] } {
  const { to: address, port, takes: seen } = lost;
  const { sockets } = host.sockets;
  const elsewhere = new Set<string>();
  let takes = false;
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] !== state.listen || sockets.localPort[row] !== port) continue;
    const at = endpointText(sockets.localAddress, sockets.localPort, row);
    const bare = at.slice(0, at.lastIndexOf(':')).replace(/^\[|\]$/g, '');
    // A listener on :: takes IPv4 as well, unless it was told not to, which /proc does not show.
    if (
      bare === address ||
      (bare === '::' && (seen !== false || address.includes(':'))) ||
      (bare === '0.0.0.0' && !address.includes(':'))
    )
      takes = true;
    else elsewhere.add(at);
  }
  return { takes, elsewhere: [...elsewhere] };
}

const at = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** Whether counters that other checks look at account for it. */
function isToldElsewhere(host: Host, { word, ours, answers, times }: LostSyns): boolean {
  if (word !== null && (toldBy[word] ?? []).some((name) => (growthIfKnown(host, name)?.by ?? 0) > 0))
    return true;
  // What was to be passed on can have gone a way that no packet socket sees; the kernel's word is proof that it did not.
  if (!ours) return word === null;
  return !answers && by(host, 'TcpExt.ListenDrops') >= times && word !== 'NETFILTER_DROP';
}

/** Chains and rules that can have done it. */
function suspects(host: Host, { ours, port, answers }: LostSyns): string[] {
  const hooks = ours ? ['input', 'prerouting'] : ['forward', 'prerouting'];
  const policies = host.dropPolicies
    .filter(({ hook }) => hooks.includes(hook))
    .map(({ place }) => `policy drop of ${place}`);
  const rules = (host.firewall.ok ? host.firewall.value : [])
    .filter(({ hook }) => hooks.includes(hook) || hook === '')
    .filter(
      ({ ports }) => answers || ports === null || ports.some((one) => port >= one.first && port <= one.last),
    )
    .map(({ place, verdict }) => `${verdict} in ${place}`);
  return [...policies, ...rules].slice(0, 5);
}

function lostFinding(host: Host, lost: LostSyns): Finding[] {
  const { from, to, port, device, times, ours, answers, word, refused } = lost;
  if (refused === null && isToldElsewhere(host, lost)) return [];
  const service = answers ? at(from, port) : at(to, port);
  if (ours && !answers) {
    const { takes } = listenersAt(host, lost);
    if (word === 'IP_LOCALNET') return [natToLoopback(host, lost)];
    if (!takes) return [];
    // An RST can be that of a listener that is only about to be there, or of a full queue.
    if (refused === 'rst' && word !== 'NETFILTER_DROP') return [];
  } else if (refused !== null) return [];
  const what = answers
    ? ours
      ? `${plural(times, 'answer')} of ${service} to connects of this host`
      : `${plural(times, 'answer')} of ${service} to ${to}`
    : `${plural(times, 'SYN')} from ${from} to ${service}`;
  const fate =
    refused !== null
      ? 'refused by this host although it listens'
      : ours
        ? 'dropped by this host'
        : 'not passed on by this host';
  const means = refused !== null ? 'a firewall rule rejects them' : (word && meanings[word]) || null;
  const why =
    means !== null ? `: ${means}` : word !== null ? `: the kernel says ${word}` : ', for an unknown reason';
  const where = host.lostSyns.where;
  const evidence: Evidence[] = [{ where, what: `${what} by ${device}` }];
  if (word !== null) evidence.push({ where: 'trace events (kfree_skb)', what: word });
  const firewall = word === 'NETFILTER_DROP' || refused !== null;
  const suspected = firewall ? suspects(host, lost) : [];
  if (suspected.length > 0) evidence.push({ where: host.firewall.where, what: suspected.join(', ') });
  return [
    {
      // A firewall that keeps strangers from elsewhere out does what it is there for.
      severity: firewall && !isPrivate(from) ? 'warn' : word === null && refused === null ? 'warn' : 'high',
      subject: `${service} from ${from}`,
      summary: `${what} came in by ${device} and ${times === 1 ? 'was' : 'were'} ${fate} (${rate(host, times)})${why}`,
      evidence,
      fixes: fixesFor(lost, firewall),
    },
  ];
}

/** SYNs for an address of this host that a NAT rule sent to the loopback network. */
function natToLoopback(host: Host, { from, to, port, device, times }: LostSyns): Finding {
  const service = at(to, port);
  return {
    severity: 'high',
    subject: `${service} from ${from}`,
    summary: `${plural(times, 'SYN')} from ${from} to ${service} came in by ${device}, and NAT sent ${times === 1 ? 'it' : 'them'} to an address of 127.0.0.0/8, where the kernel lets nothing from outside (${rate(host, times)})`,
    evidence: [
      { where: host.lostSyns.where, what: `${plural(times, 'SYN')} from ${from} to ${service} by ${device}` },
      { where: 'trace events (kfree_skb)', what: 'IP_LOCALNET' },
    ],
    fixes: [
      advice(
        `Use REDIRECT (nft: redirect to) in place of DNAT to 127.0.0.1 with a listener on ${to}; or set net.ipv4.conf.${device}.route_localnet=1, which lets neighbours reach what listens on loopback.`,
      ),
      look('nft -a list ruleset'),
      look('iptables-save -t nat -c'),
    ],
  };
}

function fixesFor({ device, to, from, ours }: LostSyns, firewall: boolean): Finding['fixes'] {
  if (firewall)
    return [
      advice(
        ours
          ? 'Accept the port in the input chain, for those that are meant.'
          : 'Accept the connection in the forward chain (iptables -P FORWARD ACCEPT, or a rule for these networks and their answers), or lead both directions over the same router.',
      ),
      look('nft -a list ruleset'),
      look('iptables-save -c'),
    ];
  return [
    look(`ip route get ${ours ? from : to}`),
    look(`sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.${device}.rp_filter`),
    look('halfopen watch --duration 10'),
  ];
}

const lostSyns: Check = {
  id: 'lost-syns',
  readsSockets: true,
  rules: [
    (host) => {
      // Only root may see packets; the report says so.
      if (!host.lostSyns.ok && host.lostSyns.absent) return [];
      return known(host.lostSyns).flatMap((lost) => lostFinding(host, lost));
    },
  ],
};

const listenerElsewhere: Check = {
  id: 'listener-elsewhere',
  readsSockets: true,
  rules: [
    (host) => {
      if (!host.lostSyns.ok && host.lostSyns.absent) return [];
      return known(host.lostSyns).flatMap((lost): Finding[] => {
        const { from, to, port, ours, answers, refused, times } = lost;
        // Strangers try every port; they are turned away as they should be.
        if (refused !== 'rst' || answers || !ours || !isPrivate(from)) return [];
        const { takes, elsewhere } = listenersAt(host, lost);
        if (takes || elsewhere.length === 0) return [];
        const there = elsewhere.slice(0, 3).join(', ');
        return [
          {
            severity: 'warn',
            subject: at(to, port),
            summary: `${from} was refused at ${at(to, port)} ${plural(times, 'time')} (${rate(host, times)}): the listener of that port is at ${there} only`,
            evidence: [
              { where: host.lostSyns.where, what: `${plural(times, 'SYN')} to ${at(to, port)}, refused` },
            ],
            fixes: [
              advice(
                `Let the service listen on ${to.includes(':') ? to : '0.0.0.0'} too, or the client ask ${there}.`,
              ),
              look(`ss -lntp sport = :${port}`),
            ],
          },
        ];
      });
    },
  ],
};

/** The checks of this file. */
export const arrivalChecks: readonly Check[] = [lostSyns, listenerElsewhere];
