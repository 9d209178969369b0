import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import {
  asOwner,
  changesOf,
  copySite,
  filesOf,
  type Kill,
  killer,
  killsFor,
  makeSite,
  problemsOf,
  run,
  type Site,
} from './machine.ts';

/**
 * A rotation is killed at its changes to a file in turn. At every moment what the consumer reads works; the next run
 * finishes or undoes what was begun, and in the end there is one key, and the consumer has it.
 */
interface Scenario {
  argv: readonly string[];
  /** The file that the consumer reads. */
  file: string;
}

/** In the commands themselves nobody is killed: they are other programs. */
const unharmed = (line: string): string => `exec env -u LD_PRELOAD sh -c '${line}'`;

const scenarios: Readonly<Record<string, Scenario>> = {
  'to a file': { argv: ['api-keys', 'rotate', 'one', '--out', 'one.key'], file: 'one.key' },
  'to a file that is checked': {
    argv: ['api-keys', 'rotate', 'one', '--out', 'one.key', '--verify', unharmed('grep -q "^mbx_" one.key')],
    file: 'one.key',
  },
  'to a command': {
    argv: [
      ...['api-keys', 'rotate', 'one', '--verify', unharmed('grep -q "^mbx_" one.key')],
      ...['--exec', unharmed('cat > one.new && mv one.new one.key')],
    ],
    file: 'one.key',
  },
};

const folder = mkdtempSync(join(tmpdir(), 'mobius-rotate-'));
let base: Site;
let points = 0;
beforeAll(async () => {
  base = await makeSite(join(folder, 'base'));
  const { code } = await run(base, ['api-keys', 'rotate', 'one', '--out', 'one.key']);
  expect(code).toBe(0);
});
afterAll(() => {
  process.stdout.write(`rotations were killed at ${points} points\n`);
  rmSync(folder, { recursive: true, force: true });
});

const keyIn = ({ root }: Site, file: string): string => {
  const text = readFileSync(join(root, file), 'utf8');
  expect(text).toMatch(/^mbx_\w{49}\n$/);
  return text.trim();
};

const idOf = async (call: Call, key: string): Promise<string | undefined> => {
  const { valid, key_id: id } = await call('api-keys.verify', { key });
  return valid ? id : undefined;
};

const consumerWorks = async (site: Site, file: string, where: string): Promise<void> => {
  const key = keyIn(site, file);
  expect(await asOwner(site, (call) => idOf(call, key)), where).toBeDefined();
};

const endsWithOne = async (site: Site, { file }: Scenario, where: string): Promise<void> => {
  const key = keyIn(site, file);
  await asOwner(site, async (call) => {
    const id = await idOf(call, key);
    const { items } = await call('api-keys.list', { principal_id: 'one' });
    const working = items.filter(({ state }) => state === 'active' || state === 'retiring');
    expect(working, where).toEqual([expect.objectContaining({ id, name: 'one', state: 'active' })]);
    expect((await call('rotations.list', {})).items, where).toEqual([]);
  });
  expect(
    filesOf(site).filter((path) => path.includes('one.key')),
    where,
  ).toEqual([file]);
};

const survives = async (name: string, scenario: Scenario, { at, torn }: Kill): Promise<void> => {
  const site = copySite(base, join(folder, `${name.replaceAll(' ', '-')}-${at}`));
  const { argv, file } = scenario;
  const where = `${name}, killed at change ${at}`;
  const { killed } = await run(site, argv, { at, torn });
  if (killed) points += 1;
  await consumerWorks(site, file, where);
  expect(await problemsOf(site), where).toEqual([]);
  const second = await run(site, argv);
  expect([second.code, second.stderr], `${where}, run again`).toEqual([0, expect.any(String)]);
  await endsWithOne(site, scenario, `${where}, run again`);
  rmSync(site.root, { recursive: true, force: true });
};

describe.skipIf(killer === undefined)('a rotation that is killed at a change of a file', () => {
  test.each(Object.keys(scenarios))('%s', { timeout: 900_000 }, async (name) => {
    const scenario = scenarios[name] as Scenario;
    const changes = await changesOf(copySite(base, join(folder, 'trial')), scenario.argv);
    expect(changes.length).toBeGreaterThan(20);
    for (const { what, left } of changes) {
      await consumerWorks(left, scenario.file, `${name}, killed before ${what}`);
      rmSync(left.root, { recursive: true, force: true });
    }
    const due = killsFor(changes);
    const work = async (): Promise<void> => {
      for (let kill = due.shift(); kill !== undefined; kill = due.shift()) await survives(name, scenario, kill);
    };
    await Promise.all([work(), work(), work()]);
  });
});
