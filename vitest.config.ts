import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// In CI nobody starts a test again by hand when the machine stood still for a while; a second failure is one.
const retry = process.env.CI === 'true' ? 1 : 0;

export default defineConfig({
  test: {
    // Tests of the operator mostly wait, for vendors that take their time: two at a time even on a small machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/support/fixed-seed.ts'],
          retry,
          // They take moments, but a machine may be busy with something else.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts', 'test/simulators/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{controlplane,integration,conformance,chaos}/**/*.test.ts'],
          setupFiles: ['test/support/fixed-seed.ts'],
          globalSetup: ['test/controlplane/vitest-setup.ts'],
          retry,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
