import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../src/cli/run.ts';
import { leftOut, places } from './places.ts';
import { runScript } from './scripts/runner.ts';
import { parseScript } from './scripts/script.ts';

const folder = 'test/scripts';
const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.txt'))
  .sort()
  .map((name) => parseScript(join(folder, name), readFileSync(join(folder, name), 'utf8')));

for (const { name, reason } of leftOut) process.stderr.write(`left out: scripts in place "${name}" (${reason})\n`);

test('every place that a script names is one', () => {
  const known = new Set([...places, ...leftOut].map(({ name }) => name));
  const named = scripts.flatMap(({ path, only }) => (only ?? []).map((name) => ({ path, name })));
  expect(named.filter(({ name }) => !known.has(name))).toEqual([]);
});

for (const place of places) {
  describe(`in place ${place.name}`, () => {
    for (const script of scripts) {
      if (script.only?.includes(place.name) === false) continue;
      test(script.path, () => runScript(script, place, run, process.env.UPDATE_SCRIPTS === '1'));
    }
  });
}
