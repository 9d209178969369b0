import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import type { Place } from '../places.ts';
import { runScript } from './runner.ts';
import { parseScript } from './script.ts';

const scriptsIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => parseScript(join(folder, name), readFileSync(join(folder, name), 'utf8')));

export const scripts = scriptsIn('test/scripts');
/** What commands do in the contracts of other systems. */
export const dialectScripts = scriptsIn('test/dialects/scripts');

export const runScriptsIn = (place: Place, chosen = scripts): void => {
  for (const script of chosen) {
    if (script.only?.includes(place.kind) === false) continue;
    test(script.path, () => runScript(script, place, run, process.env.UPDATE_SCRIPTS === '1'));
  }
};
