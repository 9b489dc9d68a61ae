/** `halfopen compare` with the kernel as the oracle. CI plays as many scenarios as fit into a few minutes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { full, root, testNeeding } from '../support/needs.ts';

const kernelTest = testNeeding('test/kernel/compare.test.ts', 'namespaces');
const count = full ? 300 : 12;

describe('halfopen compare', { timeout: 240_000 }, () => {
  kernelTest('plays every scenario on the kernel and tells a verdict on each', () => {
    const args = ['compare', '--random', String(count), '--seed', '3', '--json'];
    const result = spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], {
      encoding: 'utf8',
    });
    expect(result.stderr).toBe('');
    expect([0, 1]).toContain(result.status);
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { verdict: string });
    expect(lines).toHaveLength(count);
    expect(lines.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
    const agree = lines.filter(({ verdict }) => verdict === 'agree').length;
    console.log(`compare: ${agree} of ${count} agree with this kernel`);
    expect(agree).toBeGreaterThan(0);
  });
});
