/** Checks of the processes behind the sockets: out of descriptors, stopped, or not taking what waits. */
import type { Check, Finding, Fix } from '../check.ts';
import { type Host, known, type ProcessReading, sysctl } from '../host.ts';
import { countOutside, parsePortList, parsePortRange } from '../ports.ts';
import { addressText, endpointText, isIPv4, type Sockets, state } from '../sockets.ts';
import { count, plural, rate, settingEvidence } from './common.ts';

const look = (command: string): Fix => ({ kind: 'look', command });
const advice = (text: string): Fix => ({ kind: 'advice', text });
const named = ({ name, pid }: ProcessReading): string => `${name} (process ${pid})`;

/** The processes; none in copies, whose report says that they hold none. @throws Unread if they could not be read */
const processesOf = (host: Host): readonly ProcessReading[] =>
  !host.processes.ok && host.processes.absent ? [] : known(host.processes);

/** Rows of listeners by inode. */
function listenerRows(sockets: Sockets): Map<number, number> {
  const rows = new Map<number, number>();
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] === state.listen) rows.set(sockets.inode[row]!, row);
  }
  return rows;
}

const endpoints = (host: Host, { listeners }: ProcessReading): string[] => {
  const rows = listenerRows(host.sockets.sockets);
  const { localAddress, localPort } = host.sockets.sockets;
  const rowsHeld = [...new Set(listeners)].flatMap((inode) => rows.get(inode) ?? []);
  return [...new Set(rowsHeld.map((row) => endpointText(localAddress, localPort, row)))];
};

const descriptors: Check = {
  id: 'descriptors-exhausted',
  rules: [
    (host) =>
      processesOf(host).flatMap((process): Finding[] => {
        const { limit, listeners, descriptors: held, pid } = process;
        if (limit === null) return [];
        const full = held >= limit;
        if (!full && (limit - held > 8 || held * 20 <= limit * 19)) return [];
        const where = endpoints(host, process);
        const listens = where.length > 0 ? ` and listens on ${where.slice(0, 3).join(', ')}` : '';
        return [
          {
            severity: full ? 'high' : 'warn',
            subject: `${process.name} ${pid}`,
            ...(listeners.length > 0 ? { inode: listeners[0]!, inodes: listeners } : {}),
            summary: `${named(process)} holds ${count(held)} of ${count(limit)} file descriptors${listens}${full ? ': it can accept and open no more' : ''}`,
            evidence: [
              { where: `/proc/${pid}/fd`, what: plural(held, 'descriptor') },
              { where: `/proc/${pid}/limits`, what: `Max open files ${limit}` },
            ],
            fixes: [
              advice(
                `Raise the limit of the service (systemd: LimitNOFILE=65536; nginx: worker_rlimit_nofile; shell: ulimit -n) and restart it; a larger backlog does not help.`,
              ),
              advice(
                'If the number only ever grows, the program forgets to close something: look at what it holds.',
              ),
              look(`ls -l /proc/${pid}/fd`),
            ],
          },
        ];
      }),
  ],
};

const stopped: Check = {
  id: 'listener-stopped',
  rules: [
    (host) => {
      const all = processesOf(host);
      return all.flatMap((process): Finding[] => {
        if (process.listeners.length === 0 || !/[Tt]/.test(process.state)) return [];
        // Another process with the same listener takes what comes.
        const shared = (inode: number): boolean =>
          all.some(
            (one) => one.pid !== process.pid && one.listeners.includes(inode) && !/[Tt]/.test(one.state),
          );
        if (process.listeners.every(shared)) return [];
        const where = endpoints(host, process);
        const how = process.state === 'T' ? 'stopped (SIGSTOP, or ^Z in a terminal)' : 'held by a debugger';
        return [
          {
            severity: 'high',
            subject: `${process.name} ${process.pid}`,
            inode: process.listeners[0]!,
            inodes: process.listeners,
            summary: `${named(process)}, which listens on ${where.join(', ')}, is ${how}`,
            evidence: [{ where: `/proc/${process.pid}/stat`, what: `state ${process.state}` }],
            fixes: [
              process.state === 'T'
                ? { kind: 'command', command: `kill -CONT ${process.pid}` }
                : advice('Let the debugger go on or detach it.'),
              look(`ps -o pid,stat,wchan,cmd -p ${process.pid}`),
            ],
          },
        ];
      });
    },
  ],
};

/** What is left of a second to call a queue stuck, in seconds: shorter samples say nothing about accept(). */
const leastStuck = 0.25;

const stuckQueue: Check = {
  id: 'listener-stuck',
  readsSockets: true,
  rules: [
    (host) => {
      const { sockets } = host.sockets;
      const { waiting, remained } = known(host.queues);
      if (host.seconds < leastStuck) return [];
      const findings: Finding[] = [];
      for (const [inode, row] of listenerRows(sockets)) {
        const before = sockets.receiveQueue[row]!;
        const after = waiting.get(inode) ?? 0;
        const port = sockets.localPort[row]!;
        if (before === 0 || after < before || (remained.get(port) ?? 0) < before) continue;
        const subject = endpointText(sockets.localAddress, sockets.localPort, row);
        const siblings = samePort(sockets, row);
        const one = siblings > 0 ? `, one of ${siblings + 1} listeners on that port,` : '';
        findings.push({
          severity: host.seconds >= 0.9 ? 'high' : 'warn',
          subject,
          inode,
          summary: `${subject}${one} took none of the ${plural(before, 'connection')} that waited for accept() during ${host.seconds.toFixed(1)} s`,
          evidence: [
            {
              where: host.queues.where,
              what: `queue of inode ${inode}: ${before}, later ${after}; the same connections still wait`,
            },
          ],
          fixes: [
            advice(
              siblings > 0
                ? 'The kernel gives each listener with SO_REUSEPORT its share whether it is taken or not: restart the one that is stuck, or let the others share one socket.'
                : 'Look at what the process does: it calls accept() too rarely, or is stuck.',
            ),
            look('ss -lntpe'),
          ],
        });
      }
      return findings;
    },
  ],
};

/** How many other listeners have the same address and port. */
function samePort(sockets: Sockets, row: number): number {
  let others = 0;
  const key = endpointText(sockets.localAddress, sockets.localPort, row);
  for (let other = 0; other < sockets.length; other++) {
    if (other === row || sockets.state[other] !== state.listen) continue;
    if (endpointText(sockets.localAddress, sockets.localPort, other) === key) others++;
  }
  return others;
}

const rangeName = 'net.ipv4.ip_local_port_range';
const reservedName = 'net.ipv4.ip_local_reserved_ports';

/** A local address and what its connections hold of the range. */
interface Held {
  readonly row: number;
  readonly ports: Set<number>;
  readonly remotes: Set<string>;
  sockets: number;
}

const boundPorts: Check = {
  id: 'bound-ports-exhausted',
  readsSockets: true,
  rules: [
    (host) => {
      const range = parsePortRange(known(sysctl(host, rangeName)));
      const reserved = parsePortList(known(sysctl(host, reservedName)));
      if (range === null || reserved === null) return [];
      const usable = countOutside(range, reserved);
      const findings: Finding[] = [];
      for (const { row, ports, remotes, sockets: held } of heldPorts(
        host,
        range.first,
        range.last,
      ).values()) {
        const taken = [...ports].filter(
          (port) => !reserved.some(({ first, last }) => port >= first && port <= last),
        ).length;
        if (usable === 0 || taken * 10 <= usable * 9 || remotes.size < 2) continue;
        // connect() alone shares ports between destinations; bind() first gives each connection its own.
        const exclusive = held * 20 <= taken * 21;
        if (!exclusive) continue;
        const address = addressText(host.sockets.sockets.localAddress, row);
        const all = taken >= usable;
        findings.push({
          severity: all ? 'critical' : 'warn',
          subject: address,
          inode: host.sockets.sockets.inode[row]!,
          summary: `${all ? 'all' : `${Math.floor((taken * 100) / usable)} % of the`} ports of ip_local_port_range are held on ${address} (${taken} of ${usable}, each by one connection, to ${plural(remotes.size, 'destination')}): bind() before connect() ${all ? 'fails' : 'will soon fail'} with EADDRINUSE`,
          evidence: [
            { where: '/proc/net/tcp', what: `${plural(taken, 'port')} on ${address}` },
            settingEvidence(host, rangeName),
          ],
          fixes: [
            advice(
              'Let the program set IP_BIND_ADDRESS_NO_PORT before bind(), so that ports are shared between destinations (nginx and haproxy do; envoy by its upstream bind configuration).',
            ),
            ...(range.last - range.first < 28231
              ? [{ kind: 'sysctl', name: rangeName, value: '32768 60999' } as const]
              : [advice(`Or more source addresses, or a wider ${rangeName}.`)]),
          ],
        });
      }
      return findings;
    },
  ],
};

function heldPorts(host: Host, first: number, last: number): Map<number | string, Held> {
  const { sockets } = host.sockets;
  const listening = new Set<number>();
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] === state.listen) listening.add(sockets.localPort[row]!);
  }
  const addresses = new Map<number | string, Held>();
  for (let row = 0; row < sockets.length; row++) {
    const port = sockets.localPort[row]!;
    if (port < first || port > last || sockets.state[row] === state.listen || listening.has(port)) continue;
    const at = row * 4;
    // A number where one will do: there can be hundreds of thousands.
    const ipv4 = isIPv4(sockets.localAddress, row);
    const key = ipv4 ? sockets.localAddress[at + 3]! : sockets.localAddress.subarray(at, at + 4).join(' ');
    const held = addresses.get(key) ?? {
      row,
      ports: new Set<number>(),
      remotes: new Set<string>(),
      sockets: 0,
    };
    if (held.sockets === 0) addresses.set(key, held);
    held.ports.add(port);
    held.sockets++;
    if (held.remotes.size < 100) {
      held.remotes.add(`${sockets.remoteAddress.subarray(at, at + 4).join(' ')} ${sockets.remotePort[row]}`);
    }
  }
  return addresses;
}

const selfConnectTrap: Check = {
  id: 'self-connect-trap',
  readsSockets: true,
  rules: [
    (host) => {
      // Without trace events, which take root, such attempts are too short to be seen; the report says so.
      if (!host.attempts.ok && host.attempts.absent) return [];
      const range = parsePortRange(known(sysctl(host, rangeName)));
      const reserved = parsePortList(known(sysctl(host, reservedName)));
      if (range === null || reserved === null) return [];
      const inRange = (port: number): boolean =>
        port >= range.first &&
        port <= range.last &&
        !reserved.some(({ first, last }) => port >= first && port <= last);
      const groups = new Map<string, { failed: number; itself: number }>();
      const attempts = known(host.attempts).filter(
        ({ loopback, port, outcome }) => loopback && outcome !== 'other' && inRange(port),
      );
      for (const { process, pid, to, port, outcome } of attempts) {
        const key = `${process} (process ${pid}) to ${to}:${port}`;
        const group = groups.get(key) ?? { failed: 0, itself: 0 };
        groups.set(key, group);
        if (outcome === 'itself') group.itself++;
        else group.failed++;
      }
      return [...groups].map(([key, { failed, itself }]) => {
        const port = Number(key.slice(key.lastIndexOf(':') + 1));
        const times = failed + itself;
        const met = itself > 0 ? `, and met itself ${itself === 1 ? 'once' : `${itself} times`}` : '';
        const [client = '', to = ''] = key.split(' to ');
        // One refusal can be that of a service which is just being restarted.
        const keeps = times > 1 || itself > 0;
        return {
          severity: keeps ? 'high' : 'info',
          subject: to,
          summary: `${client} ${keeps ? 'keeps connecting' : 'was refused once when it connected'} to ${to}, where nobody listens: ${plural(times, 'attempt')} in ${host.seconds.toFixed(1)} s (${rate(host, times)})${met}`,
          evidence: [
            { where: host.attempts.where, what: `${failed} failed, ${itself} connected to itself` },
            settingEvidence(host, rangeName),
          ],
          fixes: [
            { kind: 'reserve', ports: [{ first: port, last: port }], already: reserved },
            advice(
              'Or start the service, move it below the range, or let halfopen guard close such connections.',
            ),
          ],
        };
      });
    },
  ],
};

/** The checks of this file. */
export const processChecks: readonly Check[] = [
  descriptors,
  stopped,
  stuckQueue,
  boundPorts,
  selfConnectTrap,
];
