/** The parts of `halfopen compare` that need no kernel: two built-in hosts stand for the two systems. */
import { describe, expect, test } from 'vitest';
import { differences } from '../../src/compare/diff.ts';
import { generate, subjectNames } from '../../src/compare/generate.ts';
import { judge, type Systems, shrink } from '../../src/compare/judge.ts';
import { knownReason } from '../../src/compare/known.ts';
import { configFor, playVirtually } from '../../src/compare/player.ts';
import { scriptOf } from '../../src/compare/print.ts';
import type { Observation, Scenario } from '../../src/compare/scenario.ts';
import { networkOf } from '../../src/drill/config.ts';
import { openHost } from '../../src/drill/on-host.ts';
import { parseScript } from '../../src/drill/parser.ts';

function play(scenario: Scenario, setting: string | null = null): Observation {
  const host = openHost(networkOf(configFor(scenario)), { record: false });
  if (setting !== null) host.command(`sysctl -q ${setting}`);
  return playVirtually(scenario, host);
}

const scenarios = (count: number, about = 'all'): Scenario[] =>
  Array.from({ length: count }, (_, i) => generate(5, i, about));

describe('random scenarios', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(scenarios(20)).toEqual(scenarios(20));
    expect(generate(6, 0, 'all')).not.toEqual(generate(5, 0, 'all'));
  });

  test('of every subject can be played, and printed as a script that parses', () => {
    for (const about of subjectNames) {
      for (const scenario of scenarios(25, about)) {
        const observation = play(scenario);
        expect(observation.broken).toBeNull();
        expect(observation.stepsAtUs).toHaveLength(scenario.steps.length);
        expect(() => parseScript(scriptOf(scenario, observation))).not.toThrow();
      }
    }
  });
});

describe('differences', () => {
  test('a system does not differ from itself', () => {
    for (const scenario of scenarios(60))
      expect(differences(scenario, play(scenario), play(scenario))).toEqual([]);
  });

  test('a setting that shows on the wire is found, by the field that it changes', () => {
    const changed = (setting: string): string[] =>
      scenarios(40, 'handshake').flatMap((scenario) =>
        differences(scenario, play(scenario), play(scenario, setting)).map(({ field }) => field),
      );
    expect(changed('net.ipv4.tcp_sack=0')).toContain('options');
    expect(changed('net.ipv4.tcp_rmem="4096 20000 100000"')).toContain('window');
  });
});

test('a scenario that only one system can set up is no difference: it cannot be compared', async () => {
  const [scenario] = scenarios(1);
  const systems: Systems = {
    oracle: (it) => Promise.resolve(play(it)),
    other: (it) => play({ ...it, setup: ['no-such-command'] }),
  };
  const verdict = await judge(systems, scenario!, 1);
  expect(verdict).toMatchObject({ kind: 'broken', unready: 'other', differences: [] });
  expect(verdict.observation.broken).toMatch(/status 127: .*no-such-command/);
});

test('a known difference is told by its reason and the kernel’s place, another has none', () => {
  const difference = { field: 'packet', atUs: 0, expected: '', actual: '', about: '' };
  const echo = { ...difference, signature: 'other: protocol N type N: packet missing after icmp' };
  expect(knownReason(echo)).toMatch(/echo requests.*\(net\/ipv4\/icmp\.c/);
  expect(knownReason({ ...difference, signature: 'R: packet missing after icmp' })).toBeNull();
});

describe('the judge', () => {
  const systems: Systems = {
    oracle: (scenario) => Promise.resolve(play(scenario)),
    other: (scenario) => play(scenario, 'net.ipv4.tcp_sack=0'),
  };

  test('finds that two systems differ, and leaves out what has nothing to do with it', async () => {
    const verdicts = await Promise.all(scenarios(30, 'handshake').map((it) => judge(systems, it, 1)));
    const found = verdicts.find(({ kind, scenario }) => kind === 'differ' && scenario.steps.length > 7)!;
    const small = await shrink(systems, found);
    expect(small.differences[0]!.signature).toBe(found.differences[0]!.signature);
    expect(small.scenario.steps.length).toBeLessThan(found.scenario.steps.length);
  });

  test('does not count a scenario on which the oracle answers now like this, now like that', async () => {
    let asked = 0;
    const moody: Systems = {
      oracle: (scenario) =>
        Promise.resolve(play(scenario, asked++ % 2 === 0 ? 'net.ipv4.tcp_timestamps=0' : null)),
      other: (scenario) => play(scenario),
    };
    const scenario = scenarios(30, 'handshake').find((it) =>
      play(it).seen.some(({ kind }) => kind === 'packet'),
    )!;
    expect((await judge(moody, scenario, 1)).kind).toBe('unstable');
  });

  test('one whose oracle answers otherwise every time is unstable even if no answer is that of the other', async () => {
    const [scenario] = scenarios(1, 'handshake');
    let asked = 0;
    const systems: Systems = {
      oracle: (it) => {
        const observation = play(it);
        asked++;
        return Promise.resolve({
          ...observation,
          seen: observation.seen.map((seen, i) =>
            i === 0 ? { ...seen, fields: { ...seen.fields, value: asked, window: asked } } : seen,
          ) as Observation['seen'],
        });
      },
      other: (it) => play(it),
    };
    expect((await judge(systems, scenario!, 1)).kind).toBe('unstable');
  });
});
