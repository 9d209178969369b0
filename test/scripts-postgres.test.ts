import { describe, expect, test } from 'vitest';
import { served } from './places.ts';
import { runScriptsIn } from './scripts/in-places.ts';
import { newDatabase, noPostgres } from './store/postgres-shared.ts';

const reason = noPostgres();

test.runIf(process.env.CI)('nothing is left out where everything must hold', () => {
  expect(reason).toBeUndefined();
});

if (reason !== undefined) process.stderr.write(`left out: scripts on a server over PostgreSQL (${reason})\n`);
else describe('server on PostgreSQL', () => runScriptsIn(served(newDatabase)));
