import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import {
  asOwner,
  changesOf,
  copySite,
  type Ended,
  hasVault,
  type Kill,
  killer,
  killsFor,
  makeSite,
  passphrase,
  problemsOf,
  run,
  type Site,
} from './machine.ts';

/**
 * Every command that changes something is killed at its changes to a file in turn. After each kill the vault
 * opens, nothing in it is wrong, what was reported is there, and the command can be run again.
 */
interface Scenario {
  argv: readonly string[];
  input?: string;
  /** Begins without a vault. */
  bare?: true;
  prepare?(site: Site): Promise<void>;
  /** Whether the vault shows the change that was reported. */
  shows?(call: Call, ended: Ended): Promise<boolean>;
  /** The exit codes of the same command after the kill; it may find its work done already. */
  again: readonly number[];
  /** Whether a copy from before the command must have become useless, or must still work. */
  after?(site: Site): Promise<void>;
}

const finds = async (found: Promise<unknown>): Promise<boolean> =>
  found.then(
    () => true,
    () => false,
  );

const scenarios: Readonly<Record<string, Scenario>> = {
  'vault init': { argv: ['vault', 'init'], bare: true, again: [0, 6] },
  quickstart: {
    argv: ['quickstart'],
    bare: true,
    again: [0],
    shows: async (call, { stdout }) => {
      const { key } = JSON.parse(stdout) as { key: string };
      return (await call('api-keys.verify', { key })).valid;
    },
    async after(site) {
      const { items } = await asOwner(site, (call) => call('api-keys.list', { state: 'active' }));
      expect(items.length).toBeLessThanOrEqual(1);
    },
  },
  'principals create': {
    argv: ['principals', 'create', 'new', '--role', 'Worker', '--tag', 'a=b', '--with-key'],
    again: [0, 6],
    shows: (call) => finds(call('principals.get', { id: 'new' })),
  },
  'api-keys create --out': {
    argv: ['api-keys', 'create', '--name', 'new', '--principal-id', 'one', '--out', 'new.key'],
    again: [0, 6],
    shows: (call) => finds(call('api-keys.get', { id: 'new' })),
  },
  'api-keys update': {
    argv: ['api-keys', 'update', 'one', '--tag', 'new=tag', '--state', 'disabled'],
    again: [0],
    shows: async (call) => (await call('api-keys.get', { id: 'one' })).state === 'disabled',
  },
  'api-keys revoke': {
    argv: ['api-keys', 'revoke', 'one', '-o', 'pretty'],
    again: [0, 5],
    shows: async (call) => !(await finds(call('api-keys.get', { id: 'one' }))),
  },
  'principals update': {
    argv: ['principals', 'update', 'one', '--role-ids', 'Viewer,own', '--description', 'another'],
    again: [0],
    shows: async (call) => (await call('principals.get', { id: 'one' })).description === 'another',
  },
  'principals delete': {
    argv: ['principals', 'delete', 'idle'],
    again: [0, 5],
  },
  'projects delete': { argv: ['projects', 'delete', 'old', '--yes'], again: [0, 5] },
  'secrets create': {
    argv: ['secrets', 'create', 'new', '--set', 'key=fake', '--tag', 'a=b'],
    again: [0, 6],
    shows: (call) => finds(call('secrets.get', { secret: 'new' })),
  },
  'secrets update': {
    argv: ['secrets', 'update', 'openai', '--set', 'key=fake-3', '--max-versions', '1'],
    again: [0],
    shows: async (call) => {
      const { items } = await call('secrets.list-versions', { secret: 'openai' });
      return items.map(({ state }) => state).join(' ') === 'ENABLED DESTROYED DESTROYED';
    },
  },
  'secrets destroy-version': {
    argv: ['secrets', 'destroy-version', 'openai', '1', '--yes'],
    again: [0],
    shows: async (call) =>
      (await call('secrets.get-version', { secret: 'openai', version: '1' })).state === 'DESTROYED',
  },
  'secrets delete': {
    argv: ['secrets', 'delete', 'openai', '--yes', '-o', 'pretty'],
    again: [0, 5],
    shows: async (call) => !(await finds(call('secrets.get', { secret: 'openai' }))),
  },
  inject: {
    argv: ['inject', '-o', 'injected.txt'],
    input: '<${secret:openai.key}>',
    again: [0],
    after: async ({ root }) => expect(readFileSync(join(root, 'injected.txt'), 'utf8')).toBe('<fake-2>'),
  },
  'vault keyslots add key-file': {
    argv: ['vault', 'keyslots', 'add', 'key-file', '--to', 'second.key'],
    again: [0, 6],
  },
  'vault keyslots remove': {
    argv: ['vault', 'keyslots', 'remove', 'recovery', '--yes'],
    prepare: async (site) => void (await run(site, ['vault', 'keyslots', 'add', 'recovery'])),
    again: [0, 5],
  },
  'vault passwd': {
    argv: ['vault', 'passwd', '--new-passphrase-file', '-'],
    input: passphrase,
    again: [0],
  },
  'vault rekey': {
    argv: ['vault', 'rekey', '--yes'],
    prepare: async (site) => void (await run(site, ['vault', 'keyslots', 'add', 'recovery'])),
    again: [0],
  },
  'vault backup': {
    argv: ['vault', 'backup', 'copy.backup', '--replace'],
    again: [0],
    async after(site) {
      expect((await run(site, ['vault', 'backup', 'verify', 'copy.backup'])).code).toBe(0);
    },
  },
  'vault restore': {
    argv: ['vault', 'restore', 'copy.backup', '--replace'],
    prepare: async (site) => void (await run(site, ['vault', 'backup', 'copy.backup'])),
    again: [0],
  },
};

const folder = mkdtempSync(join(tmpdir(), 'mobius-kill-'));
let base: Site;
let points = 0;
beforeAll(async () => {
  base = await makeSite(join(folder, 'base'));
});
afterAll(() => {
  process.stdout.write(`killed at ${points} points\n`);
  rmSync(folder, { recursive: true, force: true });
});

const survives = async (name: string, scenario: Scenario, start: Site, { at, torn }: Kill): Promise<void> => {
  const site = copySite(start, join(folder, `${name.replaceAll(/\W/g, '-')}-${at}`));
  const { argv, input, shows, again, after } = scenario;
  const given = input === undefined ? {} : { input };
  const ended = await run(site, argv, { at, torn, ...given });
  if (ended.killed) points += 1;
  const where = `${name} killed at change ${at}`;
  if (hasVault(site)) {
    expect(await problemsOf(site), where).toEqual([]);
    if (ended.stdout !== '' && shows !== undefined) {
      expect(await asOwner(site, (call) => shows(call, ended)), `${where} had reported`).toBe(true);
    }
  } else {
    expect([scenario.bare, ended.stdout], where).toEqual([true, '']);
  }
  const second = await run(site, argv, given);
  expect(again, `${where}, run again: ${second.stderr}`).toContain(second.code);
  expect(await problemsOf(site), `${where}, run again`).toEqual([]);
  await after?.(site);
  rmSync(site.root, { recursive: true, force: true });
};

describe.skipIf(killer === undefined)('killed at a change of a file', () => {
  test.each(Object.keys(scenarios))('%s', { timeout: 900_000 }, async (name) => {
    const scenario = scenarios[name] as Scenario;
    const start = copySite(scenario.bare ? undefined : base, join(folder, 'start', name.replaceAll(/\W/g, '-')));
    await scenario.prepare?.(start);
    const trial = copySite(start, join(folder, 'trial'));
    const changes = await changesOf(trial, scenario.argv, scenario.input);
    expect(changes.length).toBeGreaterThan(4);
    for (const { what, left } of changes) {
      const where = `${name} killed before ${what} in ${left.root}`;
      if (hasVault(left)) expect(await problemsOf(left), where).toEqual([]);
      else expect(scenario.bare, where).toBe(true);
      rmSync(left.root, { recursive: true, force: true });
    }
    const due = killsFor(changes);
    const work = async (): Promise<void> => {
      for (let kill = due.shift(); kill !== undefined; kill = due.shift()) await survives(name, scenario, start, kill);
    };
    await Promise.all([work(), work(), work()]);
  });
});

test('the key of a file that was written is the one that was issued', async () => {
  const site = copySite(base, join(folder, 'whole'));
  await run(site, ['api-keys', 'create', '--name', 'new', '--principal-id', 'one', '--out', 'new.key']);
  const key = readFileSync(join(site.root, 'new.key'), 'utf8').trim();
  expect(await asOwner(site, (call) => call('api-keys.verify', { key }))).toMatchObject({ valid: true });
});
