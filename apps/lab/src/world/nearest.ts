/** The scenario that is most like an attempt of a capture, by the packets that both have in the same order. */
import { packetKey } from '../draw/drawing.ts';
import { segmentOf } from '../text/describe.ts';
import { noChanges } from './changes.ts';
import { flagsOf, type LabEvent, runScenario } from './run.ts';
import type { Scenario, Text } from './scenario.ts';

/** A packet by what counts for likeness. */
interface Shape {
  readonly key: string;
  readonly from: 'client' | 'server';
  readonly flags: string;
  readonly bytes: Uint8Array;
}

export interface Nearest {
  readonly scenario: Scenario;
  readonly differing: ReadonlySet<string>;
  readonly differingThere: ReadonlySet<string>;
  /** What differs, a sentence each. */
  readonly differences: readonly Text[];
}

/** Longer conversations are compared by their beginnings. */
const mostPackets = 60;

/** Scenarios that are about a verdict: of two that are alike these are nearer. */
const about: Readonly<Record<string, readonly string[]>> = {
  completed: ['01-three-way-handshake'],
  unanswered: ['07-nobody-answers'],
  'simultaneous-open': ['08-simultaneous-open'],
  'self-connect': ['09-self-connect'],
  'challenge-ack': ['05b-old-duplicate'],
  'port-reused': ['05b-old-duplicate'],
};

/** The connections in a run's events, each with its packets in order; the client is who sent first. */
function connectionsOf(events: readonly LabEvent[]): Shape[][] {
  const found = new Map<string, { client: string; packets: Shape[] }>();
  for (const event of events) {
    if (event.kind !== 'sent') continue;
    const segment = segmentOf(event.bytes);
    if (segment === null) continue;
    const { bytes } = event;
    const family = bytes[0]! >>> 4;
    const [at, size] = family === 4 ? [12, 4] : [8, 16];
    const source = `${bytes.slice(at, at + size)} ${segment.sourcePort}`;
    const destination = `${bytes.slice(at + size, at + 2 * size)} ${segment.destinationPort}`;
    const name = [source, destination].sort().join(' ');
    const connection = found.get(name) ?? { client: source, packets: [] };
    found.set(name, connection);
    if (connection.packets.length >= mostPackets) continue;
    const from = source === connection.client ? 'client' : 'server';
    connection.packets.push({ key: packetKey(event.packet), from, flags: flagsOf(bytes), bytes });
  }
  return [...found.values()].map(({ packets }) => packets);
}

const alike = (a: Shape, b: Shape): boolean => a.from === b.from && a.flags === b.flags;

/** The longest sequence of packets that both have: indexes into each. */
function common(a: readonly Shape[], b: readonly Shape[]): [number, number][] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--)
      lengths[i]![k] = alike(a[i]!, b[k]!)
        ? lengths[i + 1]![k + 1]! + 1
        : Math.max(lengths[i + 1]![k]!, lengths[i]![k + 1]!);
  const pairs: [number, number][] = [];
  for (let i = 0, k = 0; i < a.length && k < b.length; ) {
    if (alike(a[i]!, b[k]!)) pairs.push([i++, k++]);
    else if (lengths[i + 1]![k]! >= lengths[i]![k + 1]!) i++;
    else k++;
  }
  return pairs;
}

/** Runs are made once: they are the same each time. */
const runs = new WeakMap<Scenario, Shape[][]>();

function connectionsIn(scenario: Scenario): Shape[][] {
  const known = runs.get(scenario) ?? connectionsOf(runScenario(scenario, noChanges).events);
  runs.set(scenario, known);
  return known;
}

/**
 * @param verdict what `explain` says of the attempt
 * @returns null if nothing is like it at all
 */
export function nearestScenario(
  scenarios: readonly Scenario[],
  events: readonly LabEvent[],
  verdict: string,
): Nearest | null {
  const mine = connectionsOf(events)[0] ?? [];
  let best: { score: number; scenario: Scenario; theirs: Shape[]; pairs: [number, number][] } | null = null;
  for (const scenario of scenarios)
    for (const theirs of connectionsIn(scenario)) {
      const pairs = common(mine, theirs);
      const bonus = about[verdict]?.includes(scenario.id) ? 0.5 : 0;
      const score = (2 * pairs.length) / (mine.length + theirs.length) + bonus;
      if (pairs.length > 0 && (best === null || score > best.score))
        best = { score, scenario, theirs, pairs };
    }
  if (best === null) return null;
  const { scenario, theirs, pairs } = best;
  const [here, there] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, k]) => k))];
  const onlyHere = mine.filter((_, i) => !here.has(i));
  const onlyThere = theirs.filter((_, k) => !there.has(k));
  return {
    scenario,
    differing: new Set(onlyHere.map(({ key }) => key)),
    differingThere: new Set(onlyThere.map(({ key }) => key)),
    differences: [
      ...counted(onlyHere, 'Only in the capture', '只在抓包中'),
      ...counted(onlyThere, 'Only in the scenario', '只在场景中'),
      ...offers(mine[0], theirs[0]),
    ],
  };
}

const side = { client: { en: 'client', zh: '客户端' }, server: { en: 'server', zh: '服务器' } } as const;

/** Packets that one has and the other has not, the same ones together. */
function counted(packets: readonly Shape[], en: string, zh: string): Text[] {
  const groups = new Map<string, { count: number; shape: Shape }>();
  for (const shape of packets) {
    const name = `${shape.from} ${shape.flags}`;
    groups.set(name, { count: (groups.get(name)?.count ?? 0) + 1, shape });
  }
  return [...groups.values()].map(({ count, shape: { from, flags } }) => ({
    en: `${en}: ${count} × ${flags || '—'} of the ${side[from].en}`,
    zh: `${zh}：${side[from].zh}的 ${count} × ${flags || '—'}`,
  }));
}

/** What the first packets offer, where it is not the same. */
function offers(mine: Shape | undefined, theirs: Shape | undefined): Text[] {
  if (mine === undefined || theirs === undefined) return [];
  const [a, b] = [segmentOf(mine.bytes), segmentOf(theirs.bytes)];
  if (a === null || b === null) return [];
  const offered = (segment: typeof a, kind: string): string => {
    const option = segment.options.find((it) => it.kind === kind);
    if (option === undefined) return '—';
    return option.kind === 'mss'
      ? `${option.value}`
      : option.kind === 'windowScale'
        ? `${option.shift}`
        : '✓';
  };
  const rows: [string, string, string][] = [
    ['MSS', offered(a, 'mss'), offered(b, 'mss')],
    ['WS', offered(a, 'windowScale'), offered(b, 'windowScale')],
    ['SACK', offered(a, 'sackPermitted'), offered(b, 'sackPermitted')],
    ['TS', offered(a, 'timestamps'), offered(b, 'timestamps')],
    ['Win', `${a.window}`, `${b.window}`],
  ];
  return rows
    .filter(([, one, other]) => one !== other)
    .map(([name, one, other]) => ({
      en: `${name}: ${one} in the capture, ${other} in the scenario`,
      zh: `${name}：抓包中为 ${one}，场景中为 ${other}`,
    }));
}
