import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: process.env.HALFOPEN_FULL ? 1_200_000 : 60_000,
    hookTimeout: 120_000,
    // Two workers: the machines this runs on have two cores, and more only makes timings worse.
    maxWorkers: 2,
  },
});
