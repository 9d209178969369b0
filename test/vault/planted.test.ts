import type Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeVault, owner, refusal } from '../core/world.ts';
import { damagedIn, expectNoMore, type Furnished, furnish, type Readings } from './readings.ts';

let furnished: Furnished;
let before: Readings;
beforeAll(async () => {
  furnished = await furnish();
  before = await furnished.read();
});
afterAll(() => furnished.vault.close());

const tables = ['projects', 'principals', 'roles', 'role_assignments', 'api_keys'];

interface Root {
  name: string;
  rootpage: number;
}

/**
 * No seal answers for an index. Of each table this makes a twin in which two rows have changed places, and then gives
 * one index of the table the pages of the twin's: what is looked up through it is one row, what is found the other.
 */
const lyingIndexes = (file: Sqlite.Database, table: string, one: string, other: string): Root[] => {
  const twin = `${table}_of_${one}_and_${other}`;
  const columns = file.prepare('select name from pragma_table_info(?)').pluck().all(table) as string[];
  const list = columns.join(', ');
  const schema = (name: string): { type: string; name: string; sql: string | null; rootpage: number }[] =>
    file
      .prepare('select type, name, sql, rootpage from sqlite_schema where tbl_name = ? order by rowid')
      .all(name) as never;
  for (const { sql, name } of schema(table)) {
    if (sql !== null) file.exec(sql.replaceAll(table, twin).replace(`index ${name}`, `index ${twin}_${name}`));
  }
  const places = file.prepare(`select rowid as place, * from ${table}`).all() as Record<string, unknown>[];
  const [a, b] = [one, other].map((id) => places.find((row) => row.id === id));
  for (const row of places) {
    const content = row === a ? b : row === b ? a : row;
    const values = columns.map((column) => content?.[column]);
    file
      .prepare(`insert into ${twin} (rowid, ${list}) values (?, ${columns.map(() => '?').join(', ')})`)
      .run(row.place, ...values);
  }
  const own = schema(table).filter(({ type }) => type === 'index');
  const false_ = schema(twin).filter(({ type }) => type === 'index');
  expect(false_).toHaveLength(own.length);
  return own.map(({ name }, i) => ({ name, rootpage: false_[i]?.rootpage ?? 0 }));
};

const point = (file: Sqlite.Database, { name, rootpage }: Root): void => {
  const version = file.pragma('schema_version', { simple: true }) as number;
  file.unsafeMode(true);
  file.pragma('writable_schema = on');
  expect(file.prepare('update sqlite_schema set rootpage = ? where name = ?').run(rootpage, name).changes).toBe(1);
  file.pragma(`schema_version = ${version + 1}`);
};

describe.each(tables)('an index of %s that leads to another row than it says', (table) => {
  test('leads nobody to more than they had', async () => {
    const { vault } = furnished;
    const ids = vault.rows<{ id: string }>(`select id from ${table} order by id`).map(({ id }) => id);
    const pairs = [...ids.keys()].flatMap((i) => (i % 2 === 0 ? [] : [[ids[i - 1] ?? '', ids[i] ?? '']])).slice(0, 3);
    expect(pairs.length).toBeGreaterThan(0);
    let noticed = 0;
    for (const [one = '', other = ''] of pairs) {
      const lying = vault.edit((file) => lyingIndexes(file, table, one, other));
      for (const index of lying) {
        const honest = vault.rows<Root>('select name, rootpage from sqlite_schema where name = ?', index.name)[0];
        if (honest === undefined) throw new Error(`no index ${index.name}`);
        vault.edit((file) => point(file, index));
        const after = await furnished.read();
        expectNoMore(before, after, `${index.name}: ${one} and ${other}`);
        noticed += damagedIn(after).length;
        vault.edit((file) => point(file, honest));
      }
    }
    expect(noticed).toBeGreaterThan(0);
    expect(await furnished.read()).toEqual(before);
  }, 60_000);
});

test('a role that the index does not lead to is not taken away in silence', async () => {
  const { vault, clients } = furnished;
  const twins = vault.rows<{ id: string }>(
    'select id from role_assignments where principal_id in (?, ?)',
    clients.boss?.principal.id,
    clients.weak?.principal.id,
  );
  const [one, other] = [twins[0]?.id ?? '', twins[1]?.id ?? ''];
  const lying = vault.edit((file) => lyingIndexes(file, 'role_assignments', one, other))[0];
  const honest = vault.rows<Root>('select name, rootpage from sqlite_schema where name = ?', lying?.name)[0];
  if (lying === undefined || honest === undefined) throw new Error('no index');
  // An index without the row at all: what is deleted through it stays where it is.
  vault.edit((file) => {
    file.exec(`delete from role_assignments_of_${one}_and_${other}`);
    point(file, lying);
  });
  const error = await refusal(vault.owner('principals.update', { id: 'boss', role_ids: [] }));
  expect(error.code).toBe('conflict');
  vault.edit((file) => point(file, honest));
  expect(await furnished.read()).toEqual(before);
});

describe('a trigger', () => {
  test('that undoes a revocation is found before anything is done', async () => {
    const vault = await makeVault();
    try {
      await vault.client('leaver', ['Owner']);
      vault.edit((file) =>
        file.exec(`create trigger innocent after update of revoked_at on api_keys when new.revoked_at is not null begin
          update api_keys set revoked_at = old.revoked_at, name_index = old.name_index, updated_at = old.updated_at,
            sealed = old.sealed where id = old.id;
        end`),
      );
      const error = await refusal(vault.open(owner));
      expect(error.code).toBe('damaged');
      expect(error.message).toBe('the vault file holds a trigger, "innocent", which mobius never makes');
      vault.edit((file) => file.exec('drop trigger innocent'));
      await (await vault.open(owner)).close();
    } finally {
      await vault.close();
    }
  });
});
