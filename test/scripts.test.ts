import { describe, expect, test } from 'vitest';
import { local } from './places.ts';
import { runScriptsIn, scripts } from './scripts/in-places.ts';

test('every place that a script names is one', () => {
  const named = scripts.flatMap(({ path, only }) => (only ?? []).map((name) => ({ path, name })));
  expect(named.filter(({ name }) => name !== 'local' && name !== 'server')).toEqual([]);
});

describe('local', () => runScriptsIn(local));
