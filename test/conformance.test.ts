import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runJob } from '../src/cli/run-job.ts';
import { headline } from '../src/drill/report.ts';
import { root, testNeeding } from './needs.ts';

testNeeding('test/conformance.test.ts', 'packetdrill-suite')(
  'the scripts of the outside suite that passed once still pass',
  () => {
    const names = readFileSync(join(root, 'test', 'conformance-passes.txt'), 'utf8')
      .trim()
      .split('\n');
    const failing = names.flatMap((name) => {
      const file = join(process.env.PACKETDRILL_SUITE!, name);
      const ip = name.endsWith('v6.pkt') ? 'ipv6' : 'ipv4';
      const { failure } = runJob({ file, ip, defines: [], options: [], python: false, seed: 1 });
      return failure === null ? [] : [headline(failure)];
    });
    expect(failing).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(40);
  },
);
