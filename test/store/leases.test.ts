import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { take } from '../../src/store/leases.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/table.ts';
import { openDatabase } from '../../src/vault/database.ts';
import { engines } from './postgres-shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'mobius-leases-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = async (address: string | undefined): Promise<Db> => {
  const { db } =
    address === undefined
      ? { db: await openSqlite(join(folder, 'vault.db'), { create: true }) }
      : await openDatabase(address);
  await migrate(db, migrations, { now: 1 });
  return db;
};

describe.each(engines())('in %s', (_, place) => {
  test('what is to be done by one is done by one, until it is not heard of any more', async () => {
    const db = await open(await place());
    const asks = (holder: string, now: number, name = 'prune'): Promise<boolean> =>
      db.tx('write', (tx) => take({ db: tx } as Store, name, { holder, now, ms: 100 }));
    try {
      const first = await Promise.all(['a', 'b', 'c', 'd'].map((holder) => asks(holder, 1_000)));
      expect(first.filter((isMine) => isMine)).toHaveLength(1);
      const holder = ['a', 'b', 'c', 'd'][first.indexOf(true)] ?? '';
      expect(await asks('e', 1_050)).toBe(false);
      // Whoever has it may go on.
      expect(await asks(holder, 1_090)).toBe(true);
      expect(await asks('e', 1_189)).toBe(false);
      expect(await asks('e', 1_190)).toBe(true);
      expect(await asks(holder, 1_200)).toBe(false);
      expect(await asks(holder, 1_200, 'something else')).toBe(true);
    } finally {
      await db.close();
    }
  });
});
