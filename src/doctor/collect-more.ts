/** What collect.ts reads beside sockets and netstat: the other counters, the firewall, routes, what NAT holds. */
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openSynTap } from '../linux/syn-tap.ts';
import { sys } from '../linux/sys.ts';
import {
  parseCounters,
  parseDevices,
  parseNatUse,
  parseQdiscs,
  parseRoutes,
  parseRules,
  parseSnmp6,
  parseSockstat,
  parseSoftnet,
  parseStat,
  parseUnresolved,
  type Rules,
} from './counters.ts';
import {
  type CounterFile,
  type Counters,
  type DropRule,
  growthIfKnown,
  type Host,
  type Reading,
} from './host.ts';
import { readText, type Source } from './read.ts';
import { addressText } from './sockets.ts';

/** A reading that nothing gave a reason for. */
export const notAsked = { ok: false, where: '', why: 'there was no reason to look', absent: true } as const;

type Parser = (text: string, into: Map<string, number>) => void;

const parsers: readonly [CounterFile, string, Parser][] = [
  ['snmp', 'snmp', parseCounters],
  ['snmp6', 'snmp6', parseSnmp6],
  ['conntrack', 'stat/nf_conntrack', (text, into) => parseStat(text, 'conntrack', into)],
  ['arp', 'stat/arp_cache', (text, into) => parseStat(text, 'arp', into)],
  ['ndisc', 'stat/ndisc_cache', (text, into) => parseStat(text, 'ndisc', into)],
  ['routes', 'stat/rt_cache', (text, into) => parseStat(text, 'routes', into)],
  ['softnet', 'softnet_stat', parseSoftnet],
  ['devices', 'dev', parseDevices],
];

/** Reads every file of counters but netstat. */
export function readCounterFiles(source: Source): Map<CounterFile, Reading<Counters>> {
  const files = new Map<CounterFile, Reading<Counters>>();
  for (const [name, path, parse] of parsers) {
    const text = readText(`${source.net}/${path}`, source.live);
    files.set(name, text.ok ? { ...text, value: parsed(text.value, parse) } : text);
  }
  files.set(
    'qdisc',
    commandOf(source, ['tc', '-s', '-j', 'qdisc', 'show'], (text) => parsed(text, parseQdiscs)),
  );
  return files;
}

function parsed(text: string, parse: Parser): Map<string, number> {
  const counters = new Map<string, number>();
  parse(text, counters);
  return counters;
}

/** What a command of the own namespace prints. */
function commandOf<T>(source: Source, command: readonly string[], parse: (text: string) => T): Reading<T> {
  const where = command.join(' ');
  if (!source.own) return { ok: false, where, why: 'it shows the own network namespace only', absent: true };
  const { error, status, stdout, stderr } = spawnSync(command[0]!, command.slice(1), {
    encoding: 'utf8',
    timeout: 2000,
    maxBuffer: 1 << 26,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    return { ok: false, where, why: `${command[0]} is not installed`, absent: true };
  }
  if (error || status !== 0) {
    const why = stderr?.trim().split('\n')[0] || error?.message || `it ended with ${status}`;
    return { ok: false, where, why };
  }
  try {
    return { ok: true, where, value: parse(stdout) };
  } catch (problem) {
    return { ok: false, where, why: `its output was not understood (${(problem as Error).message})` };
  }
}

/** Reads the firewall's rules that take packets away. */
export function readRules(source: Source): Reading<Rules> {
  if (process.getuid?.() !== 0) {
    return { ok: false, where: 'nft -j list ruleset', why: 'only root may read the firewall', absent: true };
  }
  return commandOf(source, ['nft', '-j', 'list', 'ruleset'], parseRules);
}

/** Rules of both samples, by their place. */
export function pairRules(before: Reading<Rules>, after: Reading<Rules>): Reading<readonly DropRule[]> {
  if (!after.ok) return after;
  const old = new Map(before.ok ? before.value.drops.map((rule) => [rule.place, rule.packets]) : []);
  const value = after.value.drops.map(({ packets, ...rule }) => {
    const then = old.get(rule.place) ?? null;
    return { ...rule, packets: packets === null || then === null ? null : { before: then, after: packets } };
  });
  return { ...after, value };
}

const textOf = <T>(source: Source, path: string, parse: (text: string) => T): Reading<T> => {
  const text = readText(`${source.net}/${path}`, source.live);
  return text.ok ? { ...text, value: parse(text.value) } : text;
};

/** What TCP holds of memory and orphans. */
export const readSockstat = (source: Source): Reading<Counters> => textOf(source, 'sockstat', parseSockstat);

/** Routes that refuse, and whether there is a default one. */
export const readRoutes = (source: Source): Host['routes'] => textOf(source, 'route', parseRoutes);

/** Neighbours that did not answer. */
export const readUnresolved = (source: Source): Host['unresolved'] => textOf(source, 'arp', parseUnresolved);

/** What is worth reading only because of what the rest has shown. */
export async function readOnDemand(
  source: Source,
  host: Host,
  rules: Reading<Rules>,
): Promise<Pick<Host, 'strangers' | 'nat' | 'natRanges'>> {
  const grew = (name: string): boolean => (growthIfKnown(host, name)?.by ?? 0) > 0;
  const total = (name: string): number => growthIfKnown(host, name)?.total ?? 0;
  const conntrack = total('conntrack.drop') > 0 || total('conntrack.insert_failed') > 0;
  return {
    natRanges: rules.ok ? rules.value.natRanges : [],
    nat: conntrack ? textOf(source, 'nf_conntrack', parseNatUse) : notAsked,
    strangers:
      grew('TcpExt.ListenDrops') && (grew('Ip.OutNoRoutes') || grew('Ip6.OutNoRoutes'))
        ? await readStrangers(source)
        : notAsked,
  };
}

/** How long SYNs are waited for once some are known to be dropped, in ms: they come again every second at first. */
const strangerWait = 1200;

/** The addresses from which SYNs arrive, by a packet socket: nothing that the kernel counts names them. */
async function readStrangers(source: Source): Promise<Reading<readonly string[]>> {
  const where = 'arriving SYNs (AF_PACKET)';
  if (!source.own)
    return { ok: false, where, why: 'they can be read in the own namespace only', absent: true };
  try {
    const tap = openSynTap(sys(), null);
    try {
      const sources = new Set<string>();
      const end = performance.now() + strangerWait;
      while (performance.now() < end && sources.size === 0) {
        await delay(50);
        tap.read(({ bytes, family }) => {
          const syn = synSource(bytes, family);
          if (syn !== null) sources.add(syn);
        });
      }
      return { ok: true, where, value: [...sources] };
    } finally {
      tap.close();
    }
  } catch (error) {
    return { ok: false, where, why: (error as Error).message, absent: true };
  }
}

/** Where a packet comes from if it is a SYN that asks for a connection; null otherwise. */
function synSource(bytes: Uint8Array, family: 4 | 6): string | null {
  const tcp = family === 4 ? (bytes[0]! & 15) * 4 : 40;
  const protocol = family === 4 ? bytes[9] : bytes[6];
  if (protocol !== 6 || bytes.length < tcp + 20 || (bytes[tcp + 13]! & 0x12) !== 2) return null;
  if (family === 4) return bytes.subarray(12, 16).join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset + 8, 16);
  return addressText(
    Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at)),
    0,
  );
}

/** What could not be looked at, in words. */
export function unseenBy(source: Source, host: Host): string[] {
  const unseen: string[] = [];
  if (!source.live)
    unseen.push('This is a copy: neither processes nor the firewall nor what happens now can be seen in it.');
  else {
    const root = process.getuid?.() === 0;
    if (!host.firewall.ok) unseen.push(`The firewall's rules (${host.firewall.why}).`);
    if (!root)
      unseen.push(
        'Processes of other users: whether they are stopped or out of file descriptors (only root may look).',
      );
    if (!host.attempts.ok) unseen.push(`Attempts that begin and end within moments (${host.attempts.why}).`);
    unseen.push(
      'Other network namespaces of this machine (containers): halfopen doctor --pid PID looks into one.',
    );
  }
  unseen.push(
    'The other host and the way to it: run the doctor there too, or halfopen explain on a capture.',
  );
  return unseen;
}
