import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/keep-natives.ts', 'test/follow-transactions.ts'],
    pool: 'forks',
    // A file a core: vitest would leave one of them free, and half of a small machine with it.
    maxWorkers: '100%',
    // Processes are started and passphrases hashed; a slow machine under load is no failure, a hang is one.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    teardownTimeout: 5_000,
  },
});
