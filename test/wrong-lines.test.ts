import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../src/cli/run.ts';
import { invocationsOf } from './golden/shell.ts';
import { createWorld, type World } from './scripts/world.ts';

/** What people mistype, and what they are told: the lines stand in the file, each with the answer of a terminal. */
const golden = 'test/golden/wrong-lines.txt';

const setUp = [
  'mobius vault init',
  'mobius principals create worker --role Worker',
  'mobius api-keys create ci --principal-id worker --out ci.key',
  'mobius secrets create openai --set api_key=sk-plainly-fake',
];

const files: Readonly<Record<string, string>> = {
  'broken.json': '{"name": "ci",',
  'list.json': '["ci"]',
  'extra.json': '{"name":"other","principal_id":"worker","colour":"red"}',
  'number.json': '{"name":7,"principal_id":"worker"}',
};

const lines = readFileSync(golden, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('$ '))
  .map((line) => line.slice(2));

let world: World;
beforeAll(async () => {
  world = createWorld();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(world.cwd, name), text);
  for (const line of setUp) expect(await answer(line)).toMatchObject({ code: 0 });
  entriesBefore = await entries();
});
afterAll(() => world.remove());

const answer = async (line: string) => {
  const [{ argv } = { argv: [] }] = invocationsOf(line);
  return world.run(run, { argv: argv.map(String), terminal: true });
};

let entriesBefore: unknown;
const entries = async (): Promise<unknown> =>
  JSON.parse((await world.run(run, { argv: ['audit-logs', 'list-all', '-o', 'json'] })).stdout);

const known = new Map<string, Promise<Awaited<ReturnType<typeof answer>>>>();
const answerOnce = (line: string) => {
  const found = known.get(line) ?? answer(line);
  known.set(line, found);
  return found;
};

describe('a line that is wrong', () => {
  test('there are a hundred of them, each another one', () => {
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.length).toBeGreaterThanOrEqual(100);
  });

  test.each(lines)('%s', async (line) => {
    const { stdout, stderr, code } = await answerOnce(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^mobius: error: \S/m);
    expect(stderr).toMatch(/^mobius: hint: \S/m);
  });

  test('is answered as the golden file has it', async () => {
    const told: string[] = [];
    for (const line of lines) told.push(`$ ${line}\n${(await answerOnce(line)).stderr}`);
    const whole = told.join('\n');
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, whole);
    expect(whole).toBe(readFileSync(golden, 'utf8'));
  });

  test('changes nothing', async () => {
    for (const line of lines) await answerOnce(line);
    expect(await entries()).toEqual(entriesBefore);
  });
});
