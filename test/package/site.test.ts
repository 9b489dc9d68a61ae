import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

testNeeding(
  'test/package/site.test.ts',
  'full',
  'site',
)('npm run site makes reference, documentation and lab, and every link in them leads somewhere', () => {
  const site = mkdtempSync(join(tmpdir(), 'halfopen-site-'));
  try {
    const options = { cwd: root, encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'tools', 'site.mjs'), site],
      options,
    );
    expect(stderr.split('\n').filter((line) => line.startsWith('broken'))).toEqual([]);
    expect(stdout).toMatch(/: \d\d pages, the reference of 11 entries, the lab; \d{4,} links checked/);
    expect(status).toBe(0);
    for (const name of ['index.html', 'search.html', 'api/classes/index.Stack.html', 'lab/index.html'])
      expect(existsSync(join(site, name)), name).toBe(true);
    // What is searched is in the page itself: nothing has to be fetched.
    expect(readFileSync(join(site, 'search.html'), 'utf8')).toContain('retransmi');
  } finally {
    rmSync(site, { recursive: true });
  }
});
