import { describe, expect, test } from 'vitest';
import { dialectNames } from '../../src/dialects/names.ts';
import { speaking } from '../places.ts';
import { dialectScripts, runScriptsIn } from '../scripts/in-places.ts';
import { newDatabase, noPostgres } from '../store/postgres-shared.ts';

const reason = noPostgres();

test.runIf(process.env.CI)('nothing is left out where everything must hold', () => {
  expect(reason).toBeUndefined();
});

test('every contract that a script names is one', () => {
  const named = dialectScripts.flatMap(({ only = ['none named'] }) => only);
  expect(named.filter((name) => !(dialectNames as readonly string[]).includes(name))).toEqual([]);
  expect([...new Set(named)].sort()).toEqual([...dialectNames].sort());
});

for (const name of dialectNames) {
  describe(name, () => runScriptsIn(speaking(name), dialectScripts));
  if (reason === undefined)
    describe(`${name} on PostgreSQL`, () => runScriptsIn(speaking(name, newDatabase), dialectScripts));
}
if (reason !== undefined) process.stderr.write(`left out: scripts in other contracts over PostgreSQL (${reason})\n`);
