/** Checks of the way between the hosts: what is sent and not answered. */
import { synSchedule } from '../../tcp/handshake/syn-timeout.ts';
import type { Check, Fix } from '../check.ts';
import { type Host, numberOf, socketFile, sysctl, Unread } from '../host.ts';
import { endpointText, isIPv4, retransmissionTimer, state } from '../sockets.ts';
import { bySize, growing, plural, settingEvidence } from './common.ts';

/** A connect() that takes longer than this to fail is worth a line: it is longer than people and callers wait. */
const longConnect = 60_000_000;
/** Time-outs in a row from which a connection counts as stuck. */
const stuckRetransmits = 2;
/** Unacknowledged bytes that fit into one packet on any path: 576 - 40 (RFC 1122, 4.2.2.6), 1280 - 60 (RFC 8200, 5). */
const alwaysFits = { ipv4: 536, ipv6: 1220 };

const retriesName = 'net.ipv4.tcp_syn_retries';
const linearName = 'net.ipv4.tcp_syn_linear_timeouts';
const rtoMaxName = 'net.ipv4.tcp_rto_max_ms';

/** The address of an endpoint without its port and brackets. */
const bare = (endpoint: string): string => endpoint.replace(/:\d+$/, '').replace(/[[\]]/g, '');

const lookAtFirewall: Fix = { kind: 'look', command: 'nft list ruleset' };

const synSentStuck: Check = {
  id: 'syn-sent-stuck',
  readsSockets: true,
  rules: [
    (host) => {
      const { sockets } = host.sockets;
      const destinations = new Map<string, number>();
      const inodes = new Map<string, number>();
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.state[row] !== state.synSent || sockets.retransmits[row]! < stuckRetransmits) continue;
        const to = endpointText(sockets.remoteAddress, sockets.remotePort, row);
        destinations.set(to, (destinations.get(to) ?? 0) + 1);
        inodes.set(to, sockets.inode[row]!);
      }
      return bySize(destinations).map(([to, stuck]) => ({
        severity: 'warn',
        subject: to,
        inode: inodes.get(to)!,
        summary: `${to} does not answer: ${plural(stuck, 'connection')} in SYN-SENT after ${stuckRetransmits} retransmissions or more`,
        evidence: [{ where: socketFile(host), what: `${stuck} SYN-SENT to ${to}` }],
        fixes: [
          { kind: 'look', command: `ip route get ${bare(to)}` },
          lookAtFirewall,
          { kind: 'look', command: `tcpdump -ni any -c 20 host ${bare(to)}` },
        ],
      }));
    },
  ],
};

const retransmissions: Check = {
  id: 'retransmissions',
  rules: [
    growing({
      name: 'TcpExt.TCPSynRetrans',
      severity: 'warn',
      shareOf: ['Tcp.ActiveOpens', 'Tcp.PassiveOpens'],
      means: 'SYNs or SYN,ACKs were sent again',
      fixes: [{ kind: 'look', command: 'ss -nt state syn-sent' }, lookAtFirewall],
    }),
    growing({
      name: 'TcpExt.TCPTimeouts',
      severity: 'warn',
      shareOf: ['Tcp.OutSegs'],
      means: 'retransmission timers expired',
      fixes: [{ kind: 'look', command: 'ss -nti state established state syn-sent' }],
    }),
  ],
};

/**
 * How long connect() takes to fail if nothing answers, in µs, by the host's settings.
 * @throws Unread if the settings could not be read
 */
export function connectTimeout(host: Host): { giveUp: number; sendTimes: readonly number[] } {
  const synRetries = numberOf(host, retriesName);
  // Linux before 6.5 has no linear time-outs, and before 6.15 the longest time-out is fixed.
  const synLinearTimeouts = isAbsent(host, linearName) ? 0 : numberOf(host, linearName);
  const rtoMax = isAbsent(host, rtoMaxName) ? 120_000_000 : numberOf(host, rtoMaxName) * 1000;
  try {
    return synSchedule({ synRetries, synLinearTimeouts, rtoMax });
  } catch (error) {
    throw new Unread(sysctl(host, retriesName).where, (error as Error).message);
  }
}

function isAbsent(host: Host, name: string): boolean {
  const reading = sysctl(host, name);
  return !reading.ok && reading.absent === true;
}

const connectTimeoutCheck: Check = {
  id: 'connect-timeout',
  rules: [
    (host) => {
      const { giveUp, sendTimes } = connectTimeout(host);
      if (giveUp <= longConnect) return [];
      return [
        {
          severity: 'info',
          subject: retriesName,
          summary: `connect() to an address that does not answer fails after ${giveUp / 1e6} s (SYNs at ${sendTimes.map((time) => time / 1e6).join(' ')} s)`,
          evidence: [
            settingEvidence(host, retriesName),
            ...(isAbsent(host, linearName) ? [] : [settingEvidence(host, linearName)]),
          ],
          fixes: [
            {
              kind: 'advice',
              text: 'Set a time-out in the application, or TCP_SYNCNT on the socket (2 gives 7 s).',
            },
            { kind: 'sysctl', name: retriesName, value: '4' },
          ],
        },
      ];
    },
  ],
};

const mtuBlackHole: Check = {
  id: 'pmtu-black-hole',
  readsSockets: true,
  rules: [
    (host) => {
      const name = 'net.ipv4.tcp_mtu_probing';
      if (numberOf(host, name) !== 0) return [];
      const { sockets } = host.sockets;
      const peers = new Map<string, number>();
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.timer[row] !== retransmissionTimer || sockets.retransmits[row]! < stuckRetransmits)
          continue;
        if (sockets.state[row] !== state.established && sockets.state[row] !== state.closeWait) continue;
        const fits = isIPv4(sockets.remoteAddress, row) ? alwaysFits.ipv4 : alwaysFits.ipv6;
        if (sockets.sendQueue[row]! <= fits) continue;
        const peer = endpointText(sockets.remoteAddress, sockets.remotePort, row);
        peers.set(peer, (peers.get(peer) ?? 0) + 1);
      }
      return bySize(peers).map(([peer, stuck]) => ({
        severity: 'warn',
        subject: peer,
        summary: `${peer} acknowledges nothing of what ${plural(stuck, 'connection')} sent: it is gone, or the path drops large packets`,
        evidence: [
          { where: socketFile(host), what: `${stuck} with ${stuckRetransmits} time-outs in a row or more` },
          settingEvidence(host, name),
        ],
        fixes: [
          // A full Ethernet packet: 1500 bytes less the headers of IP and ICMP.
          { kind: 'look', command: `ping -c 3 -M do -s ${peer.startsWith('[') ? 1452 : 1472} ${bare(peer)}` },
          { kind: 'sysctl', name, value: '1' },
          {
            kind: 'advice',
            text: 'Let ICMP "fragmentation needed" and "packet too big" through, or clamp the MSS on the router: nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu',
          },
        ],
      }));
    },
  ],
};

/** The checks of this file. */
export const pathChecks: readonly Check[] = [
  synSentStuck,
  retransmissions,
  mtuBlackHole,
  connectTimeoutCheck,
];
