/**
 * On which lane of the diagram things belong. A host is a lane; where several programs live on one host each can have
 * its own, and a packet over the loopback goes from the lane of the program whose socket sent it to the lane of the one
 * whose port it is for.
 */
import type { PacketEvent } from '../../../../src/sim/events.ts';
import type { CallEvent, LabEvent, PortOwner } from './program.ts';
import type { Scenario } from './scenario.ts';

export interface Places {
  /** The lane of what a host or a program told. */
  of(event: LabEvent): string;
  /** The lane a packet leaves from, and the one it goes to. */
  from(event: PacketEvent): string;
  to(event: PacketEvent): string;
}

/** Every host is its own lane. */
export const hostPlaces: Places = {
  of: (event) => (event.kind === 'tcp' || event.kind === 'call' ? event.node : event.packet.from),
  from: (event) => event.packet.from,
  to: (event) => event.to,
};

/** Source and destination port of an IPv4 packet with TCP in it. */
const portsOf = (bytes: Uint8Array): [source: number, destination: number] => {
  const header = (bytes[0]! & 15) * 4;
  return [(bytes[header]! << 8) | bytes[header + 1]!, (bytes[header + 2]! << 8) | bytes[header + 3]!];
};

/** @param owners in the order of time */
export function placesOf(
  { lanes, programs }: Scenario,
  events: readonly LabEvent[],
  owners: readonly PortOwner[],
): Places {
  const shared = new Set(
    lanes.flatMap((lane) => (lane.includes('/') ? [lane.slice(0, lane.indexOf('/'))] : [])),
  );
  if (shared.size === 0) return hostPlaces;
  /** Whose port it will be: the program that means to listen there. */
  const meant = (host: string, port: number): string | undefined =>
    programs.find(
      (it) => it.host === host && it.steps.some((step) => step.do === 'listen' && step.port === port),
    )?.name;
  const first = (host: string): string => lanes.find((lane) => lane.startsWith(`${host}/`))!;
  const indexOf = new Map(events.map((event, i) => [event, i]));
  const known = new Map<string, PortOwner[]>();
  for (const it of owners) {
    const key = `${it.host} ${it.port}`;
    const list = known.get(key);
    if (list === undefined) known.set(key, [it]);
    else list.push(it);
  }
  const lane = (host: string, port: number, event: LabEvent): string => {
    if (!shared.has(host)) return host;
    // What a connect() sends is logged before the call returns: its own note comes one event late.
    const now = indexOf.get(event) ?? 0;
    const owner = known.get(`${host} ${port}`)?.findLast((it) => it.index <= now + 1);
    const program = owner?.program ?? meant(host, port);
    return program === undefined ? first(host) : `${host}/${program}`;
  };
  const call = ({ node, program }: CallEvent): string => (shared.has(node) ? `${node}/${program}` : node);
  const places: Places = {
    of: (event) =>
      event.kind === 'call'
        ? call(event)
        : event.kind === 'tcp'
          ? lane(event.node, event.event.localPort, event)
          : places.from(event),
    from: (event) => lane(event.packet.from, portsOf(event.bytes)[0], event),
    to: (event) => lane(event.to, portsOf(event.bytes)[1], event),
  };
  return places;
}
