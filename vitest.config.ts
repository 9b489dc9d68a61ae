import { defineConfig } from 'vitest/config';

const full = process.env.HALFOPEN_FULL !== undefined;
const every = ['src/**/*.test.ts', 'test/**/*.test.ts'];
/** Tests with real sockets, real time, browsers and package managers. */
const machine = [
  'test/{cli,guard,hosts,kernel,lab}/**/*.test.ts',
  'test/{doctor*,explain-page,explain-command,explain-thread,readme,run-cli,tools}.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: full ? 1_200_000 : 60_000,
    hookTimeout: 120_000,
    // Two workers: the machines this runs on have two cores, and more only makes timings worse.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'pure', include: every, exclude: machine } },
      // A busy machine can fail these once; the report says so. What is deterministic gets no second try.
      { extends: true, test: { name: 'machine', include: machine, retry: full ? 1 : 0 } },
    ],
  },
});
