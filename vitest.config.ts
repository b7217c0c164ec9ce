import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles: ['test/support/fixed-seed.ts'],
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts', 'test/simulators/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{controlplane,integration,conformance,chaos}/**/*.test.ts'],
          setupFiles: ['test/support/fixed-seed.ts'],
          globalSetup: ['test/controlplane/vitest-setup.ts'],
          // In CI nobody starts a test again by hand when the machine stood still for a while; a second failure is one.
          retry: process.env.CI === 'true' ? 1 : 0,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
