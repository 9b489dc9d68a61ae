/** Checks of what happens to connections that arrive: the accept queue and the queue of half-open ones. */
import type { Check, Finding, Fix } from '../check.ts';
import { type Host, known, numberOf, socketFile, sysctl } from '../host.ts';
import { endpointText, state } from '../sockets.ts';
import { bySize, count, growing, plural, settingEvidence } from './common.ts';

/** Node's default backlog, and what a busy service should be allowed: Linux's default somaxconn since 5.4. */
const nodeBacklog = 511;
const usualBacklog = 4096;
/** The least tcp_max_syn_backlog that the kernel itself chooses (net/ipv4/tcp_ipv4.c, 6.18: tcp_sk_init). */
const leastSynBacklog = 128;
/** From how many half-open connections whose SYN,ACK went unanswered they count as a pile. */
const halfOpenPile = 10;

const lookAtListeners: Fix = { kind: 'look', command: 'ss -lnt' };
const lookAtHalfOpen: Fix = { kind: 'look', command: 'ss -nt state syn-recv' };
const acceptFaster: Fix = {
  kind: 'advice',
  text: 'Give listen() a larger backlog (it is cut to net.core.somaxconn) and accept faster: a full queue means the process is stuck or too slow.',
};

/** Raises somaxconn if it is below what is usual. */
function raiseSomaxconn(host: Host): Fix[] {
  const reading = sysctl(host, 'net.core.somaxconn');
  if (!reading.ok || Number(reading.value) >= usualBacklog) return [];
  return [{ kind: 'sysctl', name: 'net.core.somaxconn', value: `${usualBacklog}` }];
}

const acceptQueueFull: Check = {
  id: 'accept-queue-full',
  readsSockets: true,
  rules: [
    (host, note) => {
      const findings: Finding[] = [];
      const { sockets } = host.sockets;
      for (let row = 0; row < sockets.length; row++) {
        const waiting = sockets.receiveQueue[row]!;
        // A queue that holds nothing is not full, whatever its limit.
        if (sockets.state[row] !== state.listen || waiting === 0) continue;
        const limits = known(host.acceptLimits);
        const subject = endpointText(sockets.localAddress, sockets.localPort, row);
        const limit = limits.get(sockets.inode[row]!);
        if (limit === undefined) {
          note(host.acceptLimits.where, `it does not show the backlog of ${subject}`);
          continue;
        }
        // The kernel takes one more than the limit (include/net/sock.h: sk_acceptq_is_full).
        if (waiting <= limit) continue;
        findings.push({
          severity: 'critical',
          subject,
          inode: sockets.inode[row]!,
          summary: `${subject}: ${plural(waiting, 'connection')} wait for accept(), the backlog is ${count(limit)}: no other gets in`,
          evidence: [
            { where: socketFile(host, row), what: `${subject} LISTEN, receive queue ${waiting}` },
            { where: host.acceptLimits.where, what: `backlog ${limit}` },
          ],
          fixes: [...raiseSomaxconn(host), acceptFaster, lookAtListeners],
        });
      }
      return findings;
    },
  ],
};

const overflowFixes = (host: Host): Fix[] => [...raiseSomaxconn(host), acceptFaster, lookAtListeners];

const listenOverflows: Check = {
  id: 'listen-overflows',
  rules: [
    growing({
      name: 'TcpExt.ListenOverflows',
      severity: 'high',
      means: 'handshakes were dropped at a full accept queue',
      fixes: overflowFixes,
      zeroWhenHealthy: true,
    }),
  ],
};

const raiseBacklog: Fix = {
  kind: 'advice',
  text: 'Give listen() a larger backlog; if the clients are unknown the host is under a SYN flood, and the cookies are what keeps it up.',
};

const synCookiesSent: Check = {
  id: 'syn-cookies-sent',
  rules: ['TcpExt.TCPReqQFullDoCookies', 'TcpExt.SyncookiesSent'].map((name) =>
    growing({
      name,
      severity: 'warn',
      means: 'SYNs were answered with a cookie because the queue was full',
      fixes: (host) => [...raiseSomaxconn(host), raiseBacklog, lookAtHalfOpen],
      zeroWhenHealthy: true,
    }),
  ),
};

const enableCookies: Fix = { kind: 'sysctl', name: 'net.ipv4.tcp_syncookies', value: '1' };

const synQueueDrops: Check = {
  id: 'syn-queue-drops',
  rules: [
    growing({
      name: 'TcpExt.TCPReqQFullDrop',
      severity: 'high',
      means: 'SYNs were dropped because the queue was full and cookies are off',
      fixes: [enableCookies, lookAtHalfOpen],
      zeroWhenHealthy: true,
    }),
    (host) => {
      if (numberOf(host, 'net.ipv4.tcp_syncookies') !== 0) return [];
      return [
        {
          severity: 'high',
          subject: 'net.ipv4.tcp_syncookies',
          summary: 'SYN cookies are off: a full queue of half-open connections drops every new SYN',
          evidence: [settingEvidence(host, 'net.ipv4.tcp_syncookies')],
          fixes: [enableCookies],
        },
      ];
    },
  ],
};

const smallBacklog: Check = {
  id: 'small-backlog',
  rules: [
    (host) => {
      const name = 'net.core.somaxconn';
      const value = numberOf(host, name);
      if (value >= nodeBacklog) return [];
      return [
        {
          severity: 'warn',
          subject: name,
          summary: `${name} is ${value}: it cuts every backlog to that, also Node's default of ${nodeBacklog}`,
          evidence: [settingEvidence(host, name)],
          fixes: [
            { kind: 'sysctl', name, value: `${usualBacklog}` },
            {
              kind: 'advice',
              text: 'Restart the services afterwards: a backlog is cut when listen() is called.',
            },
          ],
        },
      ];
    },
    (host) => {
      const name = 'net.ipv4.tcp_max_syn_backlog';
      const value = numberOf(host, name);
      if (value >= leastSynBacklog) return [];
      const cookies = numberOf(host, 'net.ipv4.tcp_syncookies') !== 0;
      return [
        {
          // It is looked at only while cookies are off (net/ipv4/tcp_input.c, 6.18: tcp_conn_request).
          severity: cookies ? 'info' : 'warn',
          subject: name,
          summary: cookies
            ? `${name} is ${value}, less than any default; it has no effect while tcp_syncookies is on`
            : `${name} is ${value}, less than any default: so few half-open connections are kept`,
          evidence: [settingEvidence(host, name), settingEvidence(host, 'net.ipv4.tcp_syncookies')],
          fixes: [{ kind: 'sysctl', name, value: `${usualBacklog}` }],
        },
      ];
    },
  ],
};

const abortOnOverflow: Check = {
  id: 'abort-on-overflow',
  rules: [
    (host) => {
      const name = 'net.ipv4.tcp_abort_on_overflow';
      if (numberOf(host, name) === 0) return [];
      return [
        {
          severity: 'warn',
          subject: name,
          summary: `${name} is on: when an accept queue is full, clients are reset instead of kept waiting`,
          evidence: [settingEvidence(host, name)],
          fixes: [{ kind: 'sysctl', name, value: '0' }],
        },
      ];
    },
  ],
};

const halfOpenPiling: Check = {
  id: 'half-open-piling-up',
  readsSockets: true,
  rules: [
    (host) => {
      const { sockets } = host.sockets;
      const listeners = new Map<string, number>();
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.state[row] !== state.synReceived || sockets.retransmits[row] === 0) continue;
        const listener = endpointText(sockets.localAddress, sockets.localPort, row);
        listeners.set(listener, (listeners.get(listener) ?? 0) + 1);
      }
      return bySize(listeners)
        .filter(([, halfOpen]) => halfOpen >= halfOpenPile)
        .map(([subject, halfOpen]) => ({
          severity: 'warn',
          subject,
          summary: `${subject}: ${plural(halfOpen, 'half-open connection')} whose SYN,ACK went unanswered for more than a second`,
          evidence: [
            { where: socketFile(host), what: `${halfOpen} SYN-RECEIVED with retransmits of 1 or more` },
          ],
          fixes: [
            lookAtHalfOpen,
            {
              kind: 'advice',
              text: 'Known clients: look for asymmetric routing or a firewall on the way back; unknown ones: a SYN flood, keep tcp_syncookies=1.',
            },
          ],
        }));
    },
  ],
};

/** The checks of this file. */
export const queueChecks: readonly Check[] = [
  acceptQueueFull,
  listenOverflows,
  synQueueDrops,
  synCookiesSent,
  halfOpenPiling,
  smallBacklog,
  abortOnOverflow,
];
