import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { coreOver } from '../../src/calls/local.ts';
import type { Db, Query } from '../../src/store/db.ts';
import { makeVault, owner } from '../core/world.ts';
import { children } from './processes.ts';

/** Node 24 ends a process in which the collector frees a native object of the SQLite binding. */

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'mobius-kept-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('no statement, copy or connection is ever freed', async () => {
  const start = await children(root, 'test/store/kept.ts');
  const { stdout, stderr, code } = await start([join(root, 'kept.db')]).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { made, freed } = JSON.parse(stdout) as { made: Record<string, number>; freed: string[] };
  expect(made.prepare).toBeGreaterThan(800);
  expect(made.connection).toBeGreaterThan(3);
  expect(made.backup).toBe(2);
  expect([...new Set(freed)]).toEqual(['nothing']);
});

test('what is asked for varies, the texts that ask for it do not', async () => {
  const place = await makeVault();
  const texts = new Set<string>();
  const noting = (query: Query): Query => ({
    all: (sql, params) => query.all(texts.add(sql) && sql, params),
    get: (sql, params) => query.get(texts.add(sql) && sql, params),
    run: (sql, params) => query.run(texts.add(sql) && sql, params),
  });
  const { db } = place.vault;
  const noted: Db = { ...db, ...noting(db), tx: (mode, body) => db.tx(mode, (tx) => body(noting(tx))) };
  const call = coreOver(place.world, { ...place.vault, db: noted }).as(owner);

  const ask = async (limit: number, tag: string[]): Promise<void> => {
    const expires_before = `2027-01-01T00:00:${10 + limit}Z`;
    await call('api-keys.list', { limit, tag, state: 'active' });
    await call('principals.list', { limit, tag, kind: 'service' });
    await call('roles.list', { limit, tag });
    await call('secrets.list', { limit, tag, expires_before });
    await call('tokens.list', { limit });
    await call('users.list', { limit });
  };
  // A page is led by the rarest of several tags: here one with a value, then one with any.
  await ask(1, ['a:1', 'b:*', 'c:2']);
  await ask(1, ['b:*', 'a:1', 'c:2']);
  const before = texts.size;
  await ask(2, ['x:*', 'y:1', 'z:1']);
  await ask(37, ['b:2', 'c:3', 'a:*']);
  expect([...texts].slice(before)).toEqual([]);
  await place.close();
});
