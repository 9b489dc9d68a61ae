/** What a reader changed in a scenario, and its text form in links: `drop=wire/client/1&set=client/net.ipv4.tcp_sack/0`. */
import type { Action } from '../../../../src/sim/conditions.ts';
import type { PacketName } from '../../../../src/sim/events.ts';
import type { Intervention } from '../../../../src/sim/world.ts';
import type { IsnChoice } from './scenario.ts';

export interface Changes {
  readonly interventions: readonly Intervention[];
  /** Values by host and name. */
  readonly sysctls: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How every host chooses initial sequence numbers. */
  readonly isn?: IsnChoice;
  /** One way, of every link, µs. */
  readonly delayUs?: number;
  /** Share of packets, of every link. */
  readonly loss?: number;
  readonly backlog?: number;
  /** What programs do with a socket that is connected to itself. */
  readonly self?: 'keep' | 'close' | 'reset';
  readonly seed?: number;
}

export const noChanges: Changes = { interventions: [], sysctls: {} };

export const isChanged = (changes: Changes): boolean => changesText(changes) !== '';

const nameText = ({ link, from, n }: PacketName): string => `${link}/${from}/${n}`;

/** The text form: parameters joined by `&`, empty if nothing is changed. */
export function changesText(changes: Changes): string {
  const parts: string[] = [];
  for (const it of changes.interventions) {
    if (it.action === 'drop') parts.push(`drop=${nameText(it)}`);
    else if (it.action === 'corrupt') parts.push(`corrupt=${nameText(it)}/${it.byte}/${it.mask}`);
    else parts.push(`${it.action}=${nameText(it)}/${it.us}`);
  }
  for (const [host, values] of Object.entries(changes.sysctls))
    for (const [name, value] of Object.entries(values))
      parts.push(`set=${host}/${name}/${encodeURIComponent(value)}`);
  for (const key of ['isn', 'delayUs', 'loss', 'backlog', 'self', 'seed'] as const)
    if (changes[key] !== undefined) parts.push(`${key}=${changes[key]}`);
  return parts.join('&');
}

/** Reads the text form. What cannot be read is left out. */
export const parseChanges = (text: string): Changes => readChanges(text).changes;

/** Parameters of links that are no changes. */
const others = new Set(['s', 'step', 't', 'p', 'x', 'compare', 'lang', 'theme', 'embed', 'script']);

/** Reads the text form, and tells what it could not read: a link may come from another version, or be cut off. */
export function readChanges(text: string): {
  readonly changes: Changes;
  readonly leftOut: readonly string[];
} {
  const leftOut: string[] = [];
  const interventions: Intervention[] = [];
  const sysctls: Record<string, Record<string, string>> = {};
  const rest: Record<string, unknown> = {};
  for (const part of text.split('&')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, equals);
    const value = part.slice(equals + 1);
    const words = value.split('/').map(decode);
    if (part === '' || others.has(equals < 0 ? part : key)) continue;
    if (key === 'set' && words.length === 3) {
      const [host, name, to] = words as [string, string, string];
      sysctls[host] = { ...sysctls[host], [name]: to };
    } else if (['drop', 'delay', 'duplicate', 'corrupt'].includes(key)) {
      const intervention = parseIntervention(key, words);
      if (intervention === null) leftOut.push(part);
      else interventions.push(intervention);
    } else if (key === 'isn' && (value === 'siphash' || value === 'md5')) rest.isn = value;
    else if (key === 'self' && ['keep', 'close', 'reset'].includes(value)) rest.self = value;
    else if (['isn', 'delayUs', 'loss', 'backlog', 'seed'].includes(key) && isNumber(value, key))
      rest[key] = Number(value);
    else leftOut.push(part);
  }
  return { changes: { interventions, sysctls, ...rest }, leftOut };
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

const limits: Record<string, number> = {
  isn: 2 ** 32,
  delayUs: 60_000_000,
  loss: 1,
  backlog: 65_535,
  seed: 2 ** 31,
};
const isNumber = (text: string, key: string): boolean =>
  /^\d+(\.\d+)?$/.test(text) &&
  Number(text) <= limits[key]! &&
  (key === 'loss' || Number.isInteger(Number(text)));

function parseIntervention(action: string, words: readonly string[]): Intervention | null {
  const [link, from, n, ...numbers] = words;
  const values = [n, ...numbers].map(Number);
  if (
    link === undefined ||
    from === undefined ||
    !values.every((value) => Number.isInteger(value) && value >= 0)
  )
    return null;
  const name = { link, from, n: values[0]! };
  if (name.n < 1) return null;
  const [first, second] = [values[1], values[2]];
  if (action === 'drop') return { ...name, action };
  if (action === 'corrupt' && first !== undefined && second !== undefined)
    return { ...name, action, byte: first, mask: second & 255 };
  if ((action === 'delay' || action === 'duplicate') && first !== undefined && first <= 600_000_000)
    return { ...name, action, us: first };
  return null;
}

export const isOf = (it: PacketName, name: PacketName): boolean =>
  it.link === name.link && it.from === name.from && it.n === name.n;

/** The changes with something done to a packet, in the place of whatever was done to it; null undoes it. */
export function withAction(changes: Changes, name: PacketName, action: Action | null): Changes {
  const others = changes.interventions.filter((it) => !isOf(it, name));
  const { link, from, n } = name;
  return { ...changes, interventions: action === null ? others : [...others, { link, from, n, ...action }] };
}

/** The changes without sysctls of hosts that are not there, or that `takes` refuses, and those as text. */
export function withoutStrangers(
  changes: Changes,
  hosts: readonly string[],
  takes: (name: string, value: string) => boolean,
): { readonly changes: Changes; readonly leftOut: readonly string[] } {
  let kept = changes;
  const leftOut: string[] = [];
  for (const [host, values] of Object.entries(changes.sysctls))
    for (const [name, value] of Object.entries(values)) {
      if (hosts.includes(host) && takes(name, value)) continue;
      leftOut.push(`set=${host}/${name}/${value}`);
      kept = withSysctl(kept, host, name, null);
    }
  return { changes: kept, leftOut };
}

/** What happened to a packet, as far as it says whether something can be done to it. */
interface Happened {
  readonly kind: string;
  readonly packet?: PacketName;
  readonly bytes?: Uint8Array;
}

/**
 * The changes without those to packets that nobody sends, or to bytes that a packet has not, and those as text.
 * @param events the run with the changes
 */
export function withoutImpossible(
  changes: Changes,
  events: readonly Happened[],
): { readonly changes: Changes; readonly leftOut: readonly string[] } {
  const sizes = new Map<string, number>();
  for (const { kind, packet, bytes } of events)
    if (kind === 'sent' && packet !== undefined) sizes.set(nameText(packet), bytes?.length ?? 0);
  const isPossible = (it: Intervention): boolean => {
    const size = sizes.get(nameText(it));
    return size !== undefined && (it.action !== 'corrupt' || it.byte < size);
  };
  const interventions = changes.interventions.filter(isPossible);
  const others = changes.interventions.filter((it) => !isPossible(it));
  return {
    changes: interventions.length === changes.interventions.length ? changes : { ...changes, interventions },
    leftOut: others.map((it) => changesText({ ...noChanges, interventions: [it] })),
  };
}

/** The changes with a sysctl of a host set; null puts it back. */
export function withSysctl(changes: Changes, host: string, name: string, value: string | null): Changes {
  const values = { ...changes.sysctls[host] };
  if (value === null) delete values[name];
  else values[name] = value;
  const sysctls = { ...changes.sysctls, [host]: values };
  if (Object.keys(values).length === 0) delete sysctls[host];
  return { ...changes, sysctls };
}
