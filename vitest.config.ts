import { defineConfig } from 'vitest/config';

const full = process.env.HALFOPEN_FULL !== undefined;
const every = ['src/**/*.test.ts', 'test/**/*.test.ts'];
/** Tests with commands, real sockets, real time, browsers and package managers. All others are pure: the same everywhere. */
const machine = [
  'test/{cli,compare,doctor,exec,guard,hosts,kernel,lab,package,ports,runtimes,tshark}/**/*.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: full ? 1_200_000 : 60_000,
    hookTimeout: 120_000,
    // Two workers: the machines this runs on have two cores, and more only makes timings worse.
    maxWorkers: 2,
    reporters: ['default', './tools/slowest.mjs'],
    projects: [
      { extends: true, test: { name: 'pure', include: every, exclude: machine } },
      // A busy machine can fail these once; the report says so. What is deterministic gets no second try.
      { extends: true, test: { name: 'machine', include: machine, retry: full ? 1 : 0 } },
    ],
  },
});
