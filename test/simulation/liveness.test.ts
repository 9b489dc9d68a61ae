/** Random worlds under judges that know what is due. `npm run simulate -- --hours H` runs as many as one likes. */
import { expect, test } from 'vitest';
import { full } from '../support/needs.ts';
import { runWorld } from './liveness/run.ts';

test('whatever the network, the hosts and the programs do, everything ends in time, and no judge finds a fault', () => {
  const worlds = full ? 5000 : 300;
  const findings: string[] = [];
  for (let seed = 1; seed <= worlds; seed++) {
    const { finding } = runWorld(seed);
    if (finding !== null) findings.push(`npm run simulate -- --seed ${seed} --worlds 1: ${finding.message}`);
  }
  expect(findings).toEqual([]);
});

test('a world is a function of its seed', () => {
  for (const seed of [3, 41, 255]) {
    const { finding: _, ...once } = runWorld(seed);
    expect(runWorld(seed)).toMatchObject(once);
  }
});
