/** The options of `halfopen compare`. */
import { parseArgs } from 'node:util';
import { subjectNames } from '../compare/generate.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import type { compareTexts } from '../messages/compare.ts';
import type { Say } from '../messages/message.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf } from './language.ts';
import { rootNamed, whyUnreadable } from './script-files.ts';

/** Wrong usage: its message is all that the user needs. */
export class UsageError extends Error {}

export type Speaker = Say<typeof compareTexts>;

export interface CompareOptions {
  /** Scripts and folders; empty for random scenarios. */
  readonly paths: readonly string[];
  readonly ips: readonly IpVersion[] | null;
  readonly count: number;
  readonly seed: number;
  readonly about: string;
  readonly only: readonly number[] | null;
  readonly runs: number;
  readonly atATime: number;
  readonly congestion: string;
  /** The two systems, by name. */
  readonly between: readonly [string, string];
  readonly record: string | null;
  /** Where commands of scripts run; null for each script's own folder. */
  readonly from: string | null;
  /** Below which the built-in stack may read what commands of scripts run; null for each script's own root. */
  readonly root: string | null;
  readonly list: string | null;
  /** The longest script that is compared, s. */
  readonly longest: number;
  readonly folder: string | null;
  readonly json: boolean;
}

const ipNames: Readonly<Record<string, IpVersion>> = {
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  mapped: 'ipv4-mapped-ipv6',
};

function parseValues(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { ...flag, short: 'h' },
        lang: text,
        random: text,
        seed: text,
        about: text,
        only: text,
        ip: text,
        between: text,
        record: text,
        from: text,
        root: text,
        list: text,
        longest: text,
        runs: text,
        congestion: text,
        write: text,
        'at-a-time': text,
        json: flag,
      },
    });
  } catch (error) {
    throw new UsageError(argumentProblem(error, languageOf(args)));
  }
}

/** @returns null if help is asked for @throws UsageError */
export function parseOptions(args: string[], say: Speaker): CompareOptions | null {
  const { values, positionals } = parseValues(args);
  if (values.help) return null;
  const number = (option: string, value: string, least: number, most: number): number => {
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    throw new UsageError(say('number', { option, least, most, value }));
  };
  const scripts = positionals.length > 0;
  if (scripts && values.random !== undefined) throw new UsageError(say('both'));
  if (!scripts && values.random === undefined) throw new UsageError(say('nothing'));
  const about = values.about ?? 'all';
  const wrong = about.split(',').find((name) => !subjectNames.includes(name));
  if (wrong !== undefined)
    throw new UsageError(say('subject', { subjects: subjectNames.join(', '), value: wrong }));
  return {
    paths: positionals,
    ips: values.ip === undefined ? null : ipsOf(values.ip, say),
    count: number('--random', values.random ?? '1', 1, 1_000_000),
    seed: number('--seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    about,
    only: values.only?.split(',').map((it) => number('--only', it, 0, 1_000_000)) ?? null,
    runs: number('--runs', values.runs ?? '1', 1, 10),
    atATime: number('--at-a-time', values['at-a-time'] ?? (scripts ? '40' : '100'), 1, 500),
    congestion: values.congestion ?? 'cubic',
    between: betweenOf(values.between ?? 'kernel,halfopen', say),
    record: values.record ?? null,
    from: values.from ?? null,
    root: values.root === undefined ? null : rootOf(values.root),
    list: values.list ?? null,
    longest: number('--longest', values.longest ?? '100', 1, 100_000),
    folder: values.write ?? null,
    json: values.json ?? false,
  };
}

function rootOf(path: string): string {
  try {
    return rootNamed(path);
  } catch (error) {
    throw new UsageError(`--root ${visible(path)}: ${whyUnreadable(error)}`);
  }
}

function ipsOf(list: string, say: Speaker): IpVersion[] {
  return list.split(',').map((name) => {
    if (Object.hasOwn(ipNames, name)) return ipNames[name]!;
    throw new UsageError(say('ip', { value: name }));
  });
}

/** Commands may have commas: only one before the name of a system parts the two. */
function betweenOf(value: string, say: Speaker): [string, string] {
  const [first, second, ...more] = value.split(/,(?=(?:kernel|halfopen)(?:,|$)|(?:exec|recorded):)/);
  const isSystem = (name: string | undefined): name is string =>
    name !== undefined && /^(kernel|halfopen|(exec|recorded):.+)$/s.test(name);
  if (isSystem(first) && isSystem(second) && more.length === 0) return [first, second];
  throw new UsageError(say('between', { value }));
}
