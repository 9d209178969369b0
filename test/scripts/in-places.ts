import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import type { Place } from '../places.ts';
import { runScript } from './runner.ts';
import { parseScript } from './script.ts';

const folder = 'test/scripts';
export const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.txt'))
  .sort()
  .map((name) => parseScript(join(folder, name), readFileSync(join(folder, name), 'utf8')));

export const runScriptsIn = (place: Place): void => {
  for (const script of scripts) {
    if (script.only?.includes(place.kind) === false) continue;
    test(script.path, () => runScript(script, place, run, process.env.UPDATE_SCRIPTS === '1'));
  }
};
