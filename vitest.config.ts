import { defineConfig } from 'vitest/config'

/**
 * `npm test` runs what needs nothing but Node. `net`, `boot` and `kube` need root and Debian's packages
 * (test/packages.txt): `.ci/run` installs them and runs them.
 */
export default defineConfig({
  test: {
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/net/**', 'test/boot/**', 'test/kube/**'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'net',
          include: ['test/net/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'boot',
          include: ['test/boot/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'kube',
          include: ['test/kube/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 3_600_000, // the first run builds the control plane
          fileParallelism: false,
        },
      },
    ],
  },
})
