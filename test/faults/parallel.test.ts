import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiKey } from '../../src/generated/types.ts';
import type { Call } from '../../src/operations.ts';
import { children, type Ended, type Start } from '../store/processes.ts';
import { asOwner, makeSite, problemsOf, run, type Site } from './machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'mobius-parallel-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let start: Start;
beforeAll(async () => {
  start = await children(folder, 'test/faults/child.ts');
});

const seconds = process.env.CI ? 30 : 4;

interface Reported {
  made: string[];
  revoked: string[];
  won: string[];
  reads: number;
}

const allKeys = async (call: Call): Promise<ApiKey[]> => {
  const items: ApiKey[] = [];
  let cursor: string | undefined;
  do {
    const page = await call('api-keys.list', { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return items;
};

const makeShared = async (name: string): Promise<{ site: Site; key: string; keyFile: string }> => {
  const site = await makeSite(join(folder, name));
  const { key } = await asOwner(site, async (call) => {
    await call('principals.create', { name: 'worker', role_ids: ['Worker'] });
    for (const old of ['one', 'two', 'three']) await call('api-keys.revoke', { id: old });
    return call('api-keys.create', { name: 'first', principal_id: 'worker' });
  });
  const { stdout } = await run(site, ['vault', 'status']);
  const { id } = JSON.parse(stdout) as { id: string };
  return { site, key, keyFile: site.place.keys.defaultKeyFile(id) };
};

const expectNobodyFailed = (ended: readonly Ended[]): Reported[] => {
  expect(ended.map(({ stderr }) => stderr).filter((text) => text !== '')).toEqual([]);
  expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
  return ended.map(({ stdout }) => JSON.parse(stdout.replace(/^ready\n/, '')) as Reported);
};

test.each([
  { crowd: 50, what: 'alone', rekeys: false },
  { crowd: 50, what: 'while the vault is re-keyed', rekeys: true },
  // So few that each opens the vault at every moment of a re-key.
  { crowd: 3, what: 'while the vault is re-keyed over and over', rekeys: true },
])(
  `$crowd writers and $crowd readers, ${seconds} seconds, $what: nobody fails and nothing is lost`,
  { timeout: 300_000 },
  async ({ crowd, what, rekeys }) => {
    const { site, key, keyFile } = await makeShared(what.replaceAll(' ', '-'));
    const go = join(site.root, 'go');
    const processes = Array.from({ length: 2 * crowd }, (_, i) =>
      start([i % 2 === 0 ? 'write' : 'read', site.place.path, keyFile, `p${i}`, go, key]),
    );
    await Promise.all(processes.map((one) => one.said('ready')));
    const until = Date.now() + seconds * 1_000;
    writeFileSync(`${go}.new`, String(until));
    renameSync(`${go}.new`, go);
    const ending = Promise.all(processes.map((one) => one.ended));
    let rekeyed = 0;
    while (rekeys && Date.now() < until) {
      const { code, stderr } = await run(site, ['vault', 'rekey', '--yes', '--key-file', keyFile]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      rekeyed += 1;
    }
    const reported = expectNobodyFailed(await ending);
    const made = reported.flatMap((one) => one.made);
    const revoked = new Set(reported.flatMap((one) => one.revoked));
    const won = reported.flatMap((one) => one.won);
    const reads = reported.reduce((sum, one) => sum + one.reads, 0);
    process.stdout.write(
      `${crowd} and ${crowd}, ${what}: ${made.length} writes, ${won.length} races, ${reads} reads, ${rekeyed} re-keys\n`,
    );
    expect([made.length >= crowd, reads >= crowd, rekeyed > 0]).toEqual([true, true, rekeys]);

    const keys = await asOwner(site, allKeys);
    const states = new Map(keys.map(({ id, state }) => [id, state]));
    expect(made.filter((id) => states.get(id) !== (revoked.has(id) ? 'revoked' : 'active'))).toEqual([]);
    const names = keys.filter(({ name }) => name.startsWith('wanted')).map(({ name }) => name);
    expect(names.sort()).toEqual(won.sort());
    expect(new Set(won).size).toBe(won.length);
    expect(await problemsOf(site)).toEqual([]);
  },
);
