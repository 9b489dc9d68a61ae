/** Random scenarios. The same seed gives the same ones. */

import type { IpVersion } from '../drill/system-under-test.ts';
import { Prng } from '../sim/prng.ts';
import { Builder } from './builder.ts';
import { closing } from './generate-close.ts';
import { cookies, fastOpenServer, options, reused, timeWait, urgent } from './generate-corners.ts';
import { receiving, sending } from './generate-data.ts';
import { handshake } from './generate-handshake.ts';
import { listener } from './generate-listener.ts';
import { states } from './generate-states.ts';
import { sysctls } from './pieces.ts';
import type { Scenario } from './scenario.ts';

type Generator = (b: Builder) => void;

/** What scenarios can be about. */
const subjects: Readonly<Record<string, readonly Generator[]>> = {
  handshake: [handshake],
  listener: [listener],
  close: [closing],
  states: [states],
  data: [sending, receiving],
  sender: [sending],
  receiver: [receiving],
  'time-wait': [timeWait],
  'fast-open': [fastOpenServer],
  cookies: [cookies],
  urgent: [urgent],
  reused: [reused],
  options: [options],
  corners: [timeWait, fastOpenServer, cookies, urgent, reused, options],
};

/** What a generator's scenarios are counted under. */
const classes: ReadonlyMap<Generator, string> = new Map(
  Object.entries(subjects).flatMap(([name, [only, ...more]]) => (more.length === 0 ? [[only!, name]] : [])),
);

export const subjectNames: readonly string[] = [...Object.keys(subjects), 'all'];

const ipVersions: readonly IpVersion[] = ['ipv4', 'ipv4', 'ipv6', 'ipv4-mapped-ipv6'];

/** The scenario with a number. @param about one of `subjectNames`, or several with commas between */
export function generate(seed: number, number: number, about: string): Scenario {
  const random = new Prng(seed).fork(`scenario ${number}`);
  const wanted = about
    .split(',')
    .flatMap((name) => (name === 'all' ? ['handshake', 'listener', 'close', 'data', 'corners'] : [name]));
  const subject = wanted[number % wanted.length]!;
  const b = new Builder(random, ipVersions[random.below(ipVersions.length)]!);
  const generators = subjects[subject]!;
  const generator = b.pick(generators);
  sysctls(b);
  generator(b);
  const name = classes.get(generator) ?? subject;
  const after = b.pick([300, 300, 700, 1300, 1300, 3300, 7300]);
  return b.scenario(`${name}-${seed}-${number}`, name, after);
}
