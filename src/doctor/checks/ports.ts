/** Checks of ports: who listens on one, who is connected to itself, and how many are left. */
import type { Check, Finding, Fix } from '../check.ts';
import { type Host, known, numberOf, socketFile, sysctl, Unread } from '../host.ts';
import { countOutside, holds, type PortRange, parsePortList, parsePortRange } from '../ports.ts';
import { addressText, endpointText, isIPv4, isLoopback, type Sockets, state } from '../sockets.ts';
import { plural, settingEvidence } from './common.ts';

const rangeName = 'net.ipv4.ip_local_port_range';
const reservedName = 'net.ipv4.ip_local_reserved_ports';
/** Linux's default range. */
const defaultRange = '32768 60999';
/** Kubernetes' default for services of type NodePort. */
const nodePorts: PortRange = { first: 30000, last: 32767 };

function ephemeralRange(host: Host): PortRange {
  const reading = sysctl(host, rangeName);
  const range = parsePortRange(known(reading));
  if (range === null) throw new Unread(reading.where, `'${known(reading).trim()}' is not two ports`);
  return range;
}

function reservedPorts(host: Host): PortRange[] {
  const reading = sysctl(host, reservedName);
  const ranges = parsePortList(known(reading));
  if (ranges === null) throw new Unread(reading.where, `'${known(reading).trim()}' is not a list of ports`);
  return ranges;
}

const reserve = (host: Host, first: number, last: number = first): Fix => ({
  kind: 'reserve',
  ports: [{ first, last }],
  already: reservedPorts(host),
});

/** The fix that keeps a port from being handed out, if it is one that is; none if the settings could not be read. */
function reserveIfEphemeral(host: Host, port: number): Fix[] {
  try {
    const handedOut = holds([ephemeralRange(host)], port) && !holds(reservedPorts(host), port);
    return handedOut ? [reserve(host, port)] : [];
  } catch (error) {
    if (error instanceof Unread) return [];
    throw error;
  }
}

const listenerInEphemeralRange: Check = {
  id: 'listener-in-ephemeral-range',
  readsSockets: true,
  rules: [
    (host) => {
      const range = ephemeralRange(host);
      const reserved = reservedPorts(host);
      const { sockets } = host.sockets;
      const findings = new Map<string, Finding>();
      for (let row = 0; row < sockets.length; row++) {
        if (sockets.state[row] !== state.listen) continue;
        const port = sockets.localPort[row]!;
        if (!holds([range], port) || holds(reserved, port)) continue;
        const subject = endpointText(sockets.localAddress, sockets.localPort, row);
        if (findings.has(subject)) continue;
        // connect() looks through the ports of the low end's parity first (net/ipv4/inet_hashtables.c, 6.18).
        const tryFirst = (port - range.first) % 2 === 0;
        findings.set(subject, {
          severity: tryFirst ? 'high' : 'info',
          subject,
          inode: sockets.inode[row]!,
          summary: tryFirst
            ? `${subject} listens on a port that connect() hands out (${range.first}-${range.last}, same parity as ${range.first})`
            : `${subject} listens inside ${range.first}-${range.last}, on a port that connect() hands out only when those of the other parity are taken`,
          evidence: [
            { where: socketFile(host, row), what: `${subject} LISTEN` },
            settingEvidence(host, rangeName),
            settingEvidence(host, reservedName),
          ],
          fixes: [
            reserve(host, port),
            {
              kind: 'advice',
              text: `Or move the service to a port below ${range.first} or above ${range.last}.`,
            },
          ],
        });
      }
      const rank = (finding: Finding): number => Number(finding.severity !== 'high');
      return [...findings.values()].sort((a, b) => rank(a) - rank(b));
    },
  ],
};

function sameEnds(sockets: Sockets, row: number): boolean {
  if (sockets.localPort[row] !== sockets.remotePort[row] || sockets.localPort[row] === 0) return false;
  for (let word = row * 4; word < row * 4 + 4; word++) {
    if (sockets.localAddress[word] !== sockets.remoteAddress[word]) return false;
  }
  return true;
}

const selfConnectedSocket: Check = {
  id: 'self-connected-socket',
  readsSockets: true,
  rules: [
    (host) => {
      const findings: Finding[] = [];
      const { sockets } = host.sockets;
      for (let row = 0; row < sockets.length; row++) {
        if (!sameEnds(sockets, row)) continue;
        const subject = endpointText(sockets.localAddress, sockets.localPort, row);
        const waiting = sockets.state[row] === state.timeWait;
        findings.push({
          severity: waiting ? 'warn' : 'critical',
          subject,
          inode: sockets.inode[row]!,
          summary: waiting
            ? `${subject} was connected to itself and holds its port in TIME-WAIT for at most 60 s more`
            : `${subject} is connected to itself`,
          evidence: [{ where: socketFile(host, row), what: `${subject} to ${subject}` }],
          fixes: [
            {
              kind: 'command',
              command: `ss -tK ${waiting ? 'state time-wait ' : ''}src '${subject}' dst '${subject}'`,
            },
            ...reserveIfEphemeral(host, sockets.localPort[row]!),
            { kind: 'advice', text: 'A Node client is kept from it by: node --import halfopen/guard' },
          ],
        });
      }
      return findings;
    },
  ],
};

interface Destination {
  readonly row: number;
  taken: number;
  timeWait: number;
}

/** Sockets that hold an ephemeral port, by the three things that with it make a connection unique. */
function destinations(
  host: Host,
  range: PortRange,
  reserved: readonly PortRange[],
): Map<string, Destination> {
  const { sockets } = host.sockets;
  const reuse = numberOf(host, 'net.ipv4.tcp_tw_reuse');
  const stamps = numberOf(host, 'net.ipv4.tcp_timestamps') !== 0;
  const usable = Uint8Array.from({ length: 65536 }, (_, port) =>
    Number(holds([range], port) && !holds(reserved, port)),
  );
  const groups = new Map<string, Destination>();
  for (let row = 0; row < sockets.length; row++) {
    if (usable[sockets.localPort[row]!] === 0 || sockets.state[row] === state.listen) continue;
    const waiting = sockets.state[row] === state.timeWait;
    // TIME-WAIT does not block a port that may be taken again (tcp_twsk_unique; 1: always, 2: over loopback).
    if (waiting && stamps && (reuse === 1 || (reuse === 2 && isLoopback(sockets.remoteAddress, row))))
      continue;
    const key = destinationKey(sockets, row);
    const group = groups.get(key) ?? { row, taken: 0, timeWait: 0 };
    if (group.taken === 0) groups.set(key, group);
    group.taken++;
    if (waiting) group.timeWait++;
  }
  return groups;
}

function destinationKey(sockets: Sockets, row: number): string {
  const { localAddress: from, remoteAddress: to } = sockets;
  const at = row * 4;
  const last = `${from[at + 3]} ${to[at + 3]} ${sockets.remotePort[row]}`;
  if (isIPv4(from, row)) return last;
  return `${last} ${from[at]} ${from[at + 1]} ${from[at + 2]} ${to[at]} ${to[at + 1]} ${to[at + 2]}`;
}

function pressureFixes(host: Host, { taken, timeWait }: Destination, range: PortRange): Fix[] {
  const fixes: Fix[] = [];
  const usual = parsePortRange(defaultRange)!;
  if (range.last - range.first < usual.last - usual.first) {
    fixes.push({ kind: 'sysctl', name: rangeName, value: defaultRange });
  }
  if (timeWait * 2 > taken && numberOf(host, 'net.ipv4.tcp_timestamps') !== 0) {
    fixes.push({ kind: 'sysctl', name: 'net.ipv4.tcp_tw_reuse', value: '1' });
  }
  fixes.push({
    kind: 'advice',
    text: 'Keep connections open and share them (pooling, keep-alive), or connect from or to more addresses.',
  });
  return fixes;
}

const ephemeralPressure: Check = {
  id: 'ephemeral-pressure',
  readsSockets: true,
  rules: [
    (host) => {
      const range = ephemeralRange(host);
      const reserved = reservedPorts(host);
      const usable = countOutside(range, reserved);
      const evidence = [settingEvidence(host, rangeName), settingEvidence(host, reservedName)];
      if (usable === 0) {
        const summary = `every port of ${range.first}-${range.last} is reserved: connect() without bind() always fails`;
        const fixes: Fix[] = [
          {
            kind: 'advice',
            text: `Take ports out of ${reservedName}, or widen ${rangeName}: a reserved port is given to nobody who does not ask for it.`,
          },
        ];
        return [{ severity: 'critical', subject: reservedName, summary, evidence, fixes }];
      }
      return [...destinations(host, range, reserved).values()]
        .filter((group) => group.taken * 2 > usable)
        .sort((a, b) => b.taken - a.taken)
        .map((group): Finding => {
          const { sockets } = host.sockets;
          const from = addressText(sockets.localAddress, group.row);
          const to = endpointText(sockets.remoteAddress, sockets.remotePort, group.row);
          const share = Math.floor((group.taken * 100) / usable);
          const waiting = group.timeWait > 0 ? `, ${group.timeWait} of them in TIME-WAIT` : '';
          return {
            severity: group.taken * 10 > usable * 9 ? 'critical' : 'warn',
            subject: `${from} -> ${to}`,
            summary: `${share} % of the ports for connections from ${from} to ${to} are taken (${group.taken} of ${usable}${waiting})`,
            evidence: [{ where: socketFile(host), what: plural(group.taken, 'socket') }, ...evidence],
            fixes: pressureFixes(host, group, range),
          };
        });
    },
  ],
};

const nodePortOverlap: Check = {
  id: 'node-port-overlap',
  rules: [
    (host) => {
      const range = ephemeralRange(host);
      const overlap = {
        first: Math.max(range.first, nodePorts.first),
        last: Math.min(range.last, nodePorts.last),
      };
      if (overlap.first > overlap.last || countOutside(overlap, reservedPorts(host)) === 0) return [];
      return [
        {
          severity: 'high',
          subject: rangeName,
          summary: `outgoing connections are given ports ${overlap.first}-${overlap.last}, which Kubernetes gives to NodePort services`,
          evidence: [settingEvidence(host, rangeName), settingEvidence(host, reservedName)],
          fixes: [
            reserve(host, nodePorts.first, nodePorts.last),
            { kind: 'advice', text: `Or take the default range: sysctl -w ${rangeName}="${defaultRange}"` },
            { kind: 'advice', text: 'If this host is no Kubernetes node: --ignore node-port-overlap' },
          ],
        },
      ];
    },
  ],
};

/** The checks of this file. */
export const portChecks: readonly Check[] = [
  selfConnectedSocket,
  listenerInEphemeralRange,
  ephemeralPressure,
  nodePortOverlap,
];
