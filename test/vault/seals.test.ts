import type Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { outcome } from '../core/world.ts';
import { damagedIn, expectNoMore, type Furnished, furnish, type Readings } from './readings.ts';

type Value = string | number | Buffer | null;
type Row = Record<string, Value>;

let furnished: Furnished;
let before: Readings;
let rows: Record<string, Row[]>;

const sealedTables = [
  ...['projects', 'principals', 'roles', 'role_assignments', 'api_keys', 'secrets', 'secret_versions'],
  'rotations',
];
/** A schedule is found by its project or by what it is of: moved elsewhere it is as one that was taken out. */
const tables = [...sealedTables, 'rotation_policies', 'secret_values', 'tags', 'audit_log', 'audit_marks'];
/** What the seal does not answer for: counters and last uses. */
const free = ['last_used_at'];

beforeAll(async () => {
  furnished = await furnish();
  const { vault } = furnished;
  rows = Object.fromEntries(tables.map((table) => [table, vault.rows<Row>(`select * from ${table} order by 1`)]));
  before = await furnished.read();
});
afterAll(() => furnished.vault.close());

const insert = (file: Sqlite.Database, table: string, row: Row): void => {
  const names = Object.keys(row);
  file
    .prepare(`insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`)
    .run(...Object.values(row));
};

/** The file as it was, whatever the test before has done to it. */
beforeEach(() => {
  furnished.vault.edit((file) =>
    file.transaction(() => {
      for (const table of tables) {
        file.exec(`delete from ${table}`);
        for (const row of rows[table] ?? []) insert(file, table, row);
      }
    })(),
  );
});

const set = (table: string, row: Row, column: string, value: Value): void => {
  furnished.vault.edit((file) => {
    const count = file.prepare(`update ${table} set ${column} = ? where id = ?`).run(value, row.id).changes;
    expect(count).toBe(1);
  });
};

const row = (table: string, id: string | undefined): Row => {
  const found = rows[table]?.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id} in ${table}`);
  return found;
};

/** Everything is asked after the edit; nobody may get more than before it. */
const expectTaken = async (what: string): Promise<Readings> => {
  const after = await furnished.read();
  expectNoMore(before, after, what);
  return after;
};

test('what was not edited reads as it was', async () => {
  expect(await furnished.read()).toEqual(before);
  expect(damagedIn(before)).toEqual([]);
  const who = ['boss', 'weak', 'bare', 'revoked', 'expired', 'disabled', 'off', 'gone', 'stranger', 'frozen'];
  expect(who.filter((name) => before.get(`who is ${name}`) !== 'unauthorized')).toEqual([
    'boss',
    'weak',
    'bare',
    'stranger',
  ]);
});

/** Values that somebody could write in place of one: nothing, another row's, nearly the same, another type. */
const insteadOf = (table: string, column: string, value: Value): Value[] => {
  const others = (rows[table] ?? []).map((one) => one[column] ?? null);
  const other = others.find((one) => one !== null && JSON.stringify(one) !== JSON.stringify(value));
  const near: Value =
    typeof value === 'number'
      ? value + 1
      : typeof value === 'string'
        ? `${value}x`
        : value === null
          ? 1
          : Buffer.from(value.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
  return [null, other ?? near, near];
};

describe.each(sealedTables)('every clear column of %s', (table) => {
  test('makes its row damaged', async () => {
    const { vault } = furnished;
    const columns = vault.rows<{ name: string; notnull: number }>(
      `select name, "notnull" from pragma_table_info(?)`,
      table,
    );
    expect(columns.length).toBeGreaterThan(4);
    for (const { name, notnull } of columns) {
      if (name === 'id' || free.includes(name)) continue;
      // One that works where there is one: there is most to take.
      const target =
        rows[table]?.find((one) => one.name_index !== null && one[name] !== null) ?? rows[table]?.[0] ?? {};
      for (const value of insteadOf(table, name, target[name] ?? null)) {
        if (value === null && (notnull === 1 || target[name] === null)) continue;
        const edited = vault.edit((file) => {
          const other = file.prepare(`select id from ${table} where ${name} = ? and id <> ?`).get(value, target.id);
          const unique = ['name_index', 'handle_index', 'key_hash'].includes(name);
          // What must be unique changes places.
          if (unique && other !== undefined) {
            file.prepare(`update ${table} set ${name} = x'00' where id = ?`).run((other as Row).id);
            file.prepare(`update ${table} set ${name} = ? where id = ?`).run(value, target.id);
            return file.prepare(`update ${table} set ${name} = ? where id = ?`).run(target[name], (other as Row).id)
              .changes;
          }
          return file.prepare(`update or ignore ${table} set ${name} = ? where id = ?`).run(value, target.id).changes;
        });
        if (edited === 0) continue;
        const what = `${table}.${name} = ${JSON.stringify(value)}`;
        expect(damagedIn(await expectTaken(what)), what).not.toEqual([]);
        vault.edit((file) => {
          for (const one of rows[table] ?? []) file.prepare(`delete from ${table} where id = ?`).run(one.id);
          for (const one of rows[table] ?? []) insert(file, table, one);
        });
      }
    }
  });

  test('and its blob is at home in no other place', async () => {
    const all = rows[table] ?? [];
    const first = all[0] ?? {};
    const foreign = sealedTables.filter((other) => other !== table).map((other) => rows[other]?.[0]?.sealed ?? null);
    const own = first.sealed as Buffer;
    const turned = (at: number): Buffer => Buffer.from(own.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    const blobs: Value[] = [
      all[1]?.sealed ?? null,
      foreign[0] ?? null,
      Buffer.alloc(0),
      Buffer.alloc(own.length),
      own.subarray(0, own.length - 1),
      own.subarray(0, 29),
      Buffer.concat([own, Buffer.alloc(1)]),
      ...[0, 4, 5, 29, own.length - 1].map(turned),
      own.toString('latin1'),
      0,
    ];
    for (const [i, blob] of blobs.entries()) {
      set(table, first, 'sealed', blob);
      const after = await expectTaken(`${table}.sealed, blob ${i}`);
      expect(damagedIn(after), `${table}.sealed, blob ${i}`).not.toEqual([]);
    }
  });
});

describe('api keys', () => {
  const key = (name: string): Row => row('api_keys', furnished.clients[name]?.keyId);
  const who = (readings: Readings, name: string): unknown => readings.get(`who is ${name}`);

  test('a revocation taken back', async () => {
    set('api_keys', key('revoked'), 'revoked_at', null);
    expect(who(await expectTaken('revoked_at'), 'revoked')).toBe('damaged');
    set('api_keys', key('revoked'), 'name_index', Buffer.alloc(32));
    expect(who(await expectTaken('revoked_at, with a name'), 'revoked')).toBe('damaged');
  });

  test('a key switched on again', async () => {
    set('api_keys', key('disabled'), 'disabled_at', null);
    expect(who(await expectTaken('disabled_at'), 'disabled')).toBe('damaged');
  });

  test('an expiry prolonged, or taken away', async () => {
    for (const value of [furnished.vault.clock.now + 1, 8.64e15, Number.MAX_SAFE_INTEGER, null, 'never']) {
      set('api_keys', key('expired'), 'expires_at', value);
      expect(who(await expectTaken(`expires_at ${value}`), 'expired')).toBe('damaged');
    }
  });

  test('a key pointed at another principal or project', async () => {
    set('api_keys', key('weak'), 'principal_id', furnished.clients.boss?.principal.id ?? '');
    expect(who(await expectTaken('principal_id'), 'weak')).toBe('damaged');
    set('api_keys', key('weak'), 'principal_id', key('weak').principal_id ?? null);
    set('api_keys', key('weak'), 'project_id', key('stranger').project_id ?? null);
    expect(who(await expectTaken('project_id'), 'weak')).toBe('damaged');
  });

  test('two keys that change hashes, names, blobs, or all at once', async () => {
    const { vault } = furnished;
    const [weak, boss] = [key('weak'), key('boss')];
    const swap = (columns: string[]): void =>
      vault.edit((file) => {
        for (const column of columns) {
          file.prepare(`update api_keys set ${column} = x'00' where id = ?`).run(weak.id);
          file.prepare(`update api_keys set ${column} = ? where id = ?`).run(weak[column], boss.id);
          file.prepare(`update api_keys set ${column} = ? where id = ?`).run(boss[column], weak.id);
        }
      });
    const clear = Object.keys(weak).filter(
      (column) => column !== 'id' && column !== 'sealed' && !free.includes(column),
    );
    for (const columns of [
      ['key_hash'],
      ['name_index'],
      ['sealed'],
      ['key_hash', 'sealed'],
      clear,
      [...clear, 'sealed'],
    ]) {
      swap(columns);
      const after = await expectTaken(`swapped ${columns}`);
      expect([who(after, 'weak'), who(after, 'boss')], `swapped ${columns}`).toEqual(['damaged', 'damaged']);
      vault.edit((file) => {
        for (const one of [weak, boss]) file.prepare('delete from api_keys where id = ?').run(one.id);
        for (const one of [weak, boss]) insert(file, 'api_keys', one);
      });
    }
  });

  test('a copy of a key under a new id, with and without its hash', async () => {
    const copy = { ...key('boss'), id: key('boss').id?.toString().replace(/.$/, '0') ?? '', name_index: null };
    furnished.vault.edit((file) => insert(file, 'api_keys', { ...copy, key_hash: Buffer.alloc(32, 1) }));
    expect((await expectTaken('a copied key')).get('keys')).toBe('damaged');
    furnished.vault.edit((file) => {
      file.prepare('delete from api_keys where id in (?, ?)').run(copy.id, key('boss').id);
      insert(file, 'api_keys', copy);
    });
    expect(who(await expectTaken('a moved key'), 'boss')).toBe('damaged');
  });

  test('another id', async () => {
    furnished.vault.edit((file) =>
      file.prepare('update api_keys set id = ? where id = ?').run('key_x', key('boss').id),
    );
    const after = await expectTaken('api_keys.id');
    expect([who(after, 'boss'), after.get('key boss'), after.get('key named boss')]).toEqual([
      'damaged',
      'not_found',
      'damaged',
    ]);
  });
});

describe('roles and principals', () => {
  test('an assignment copied to somebody else, or moved to them', async () => {
    const { clients, vault } = furnished;
    const [grant] = (rows.role_assignments ?? []).filter((one) => one.principal_id === clients.boss?.principal.id);
    const weak = clients.weak?.principal.id ?? '';
    if (grant === undefined) throw new Error('boss has no role');
    vault.edit((file) =>
      insert(file, 'role_assignments', { ...grant, id: `${grant.id}`.replace(/.$/, 'z'), principal_id: weak }),
    );
    expect((await expectTaken('a copied assignment')).get('who is weak')).toBe('damaged');
    vault.edit((file) => file.prepare('delete from role_assignments where id like ?').run('%z'));
    set('role_assignments', grant, 'principal_id', weak);
    expect((await expectTaken('a moved assignment')).get('who is weak')).toBe('damaged');
  });

  test('an assignment to a small role that names a big one', async () => {
    const small = (rows.role_assignments ?? []).find(
      (one) => one.principal_id === furnished.clients.weak?.principal.id,
    );
    const [owner] = (await furnished.vault.owner('roles.list', { limit: 1 })).items;
    set('role_assignments', small ?? {}, 'role_id', owner?.id ?? '');
    expect((await expectTaken('role_id')).get('who is weak')).toBe('damaged');
  });

  test('a role with the content of another', async () => {
    const [big, small] = ['big', 'small'].map((name) =>
      row('roles', (before.get(`role ${name}`) as { id: string }).id),
    );
    set('roles', small ?? {}, 'sealed', big?.sealed ?? null);
    const after = await expectTaken('roles.sealed');
    expect([after.get('who is weak'), after.get('role small')]).toEqual(['damaged', 'damaged']);
  });

  test('the role rows of two roles changed about, ids and all', async () => {
    const [big, small] = ['big', 'small'].map((name) =>
      row('roles', (before.get(`role ${name}`) as { id: string }).id),
    );
    furnished.vault.edit((file) => {
      file.prepare("update roles set id = 'x' where id = ?").run(big?.id);
      file.prepare('update roles set id = ? where id = ?').run(big?.id, small?.id);
      file.prepare("update roles set id = ? where id = 'x'").run(small?.id);
    });
    const after = await expectTaken('roles.id');
    expect([after.get('who is weak'), after.get('who is boss')]).toEqual(['damaged', 'damaged']);
  });

  test('a principal enabled, raised from its grave, or moved to a living project', async () => {
    const { clients } = furnished;
    set('principals', row('principals', clients.off?.principal.id), 'disabled_at', null);
    expect((await expectTaken('disabled_at')).get('who is off')).toBe('damaged');
    set('principals', row('principals', clients.gone?.principal.id), 'archived_at', null);
    expect((await expectTaken('archived_at')).get('principal gone')).toBe('damaged');
    set(
      'principals',
      row('principals', clients.frozen?.principal.id),
      'project_id',
      row('principals', clients.boss?.principal.id).project_id ?? null,
    );
    await expectTaken('project_id');
  });

  test('a project brought back', async () => {
    set('projects', row('projects', (before.get('project frozen') as { id: string }).id), 'archived_at', null);
    const after = await expectTaken('archived_at');
    expect([after.get('who is frozen'), after.get('project frozen')]).toEqual(['damaged', 'damaged']);
  });
});

describe('rows deleted', () => {
  test.each(tables)('from %s, one at a time: nobody gets more', async (table) => {
    const all = rows[table] ?? [];
    for (const one of all.slice(0, 4)) {
      const [[column, value] = ['', null]] = Object.entries(one);
      furnished.vault.edit((file) => file.prepare(`delete from ${table} where ${column} = ?`).run(value));
      await expectTaken(`${table} without ${value}`);
      furnished.vault.edit((file) => {
        file.exec(`delete from ${table}`);
        for (const again of all) insert(file, table, again);
      });
    }
  });

  test.each(tables)('all of %s', async (table) => {
    furnished.vault.edit((file) => file.exec(`delete from ${table}`));
    await expectTaken(`without ${table}`);
  });

  test('the principal, the project or a role of a key: the key is refused as damaged', async () => {
    for (const table of ['principals', 'projects', 'roles']) {
      furnished.vault.edit((file) => file.exec(`delete from ${table}`));
      expect((await expectTaken(`without ${table}`)).get('who is boss'), table).toBe('damaged');
      furnished.vault.edit((file) => {
        for (const one of rows[table] ?? []) insert(file, table, one);
      });
    }
  });

  test('an assignment only takes a role away', async () => {
    furnished.vault.edit((file) => file.exec('delete from role_assignments'));
    expect((await expectTaken('without assignments')).get('who is boss')).toMatchObject({ roles: [], permissions: [] });
  });

  test('the index of tags finds less, and one that lies finds nothing', async () => {
    const { vault, clients } = furnished;
    vault.edit((file) => file.exec('delete from tags'));
    expect((await expectTaken('without tags')).get('keys by tag')).toMatchObject({ items: [] });
    const tag = (rows.tags ?? []).find((one) => one.resource_id === clients.boss?.keyId);
    vault.edit((file) => insert(file, 'tags', { ...tag, resource_id: clients.bare?.keyId ?? '' }));
    expect((await expectTaken('a tag of another')).get('keys by tag')).toMatchObject({ items: [] });
  });
});

test('any few edits at once', async () => {
  const edit = fc.record({
    table: fc.constantFrom(...tables),
    column: fc.nat(),
    from: fc.nat(),
    to: fc.nat(),
    kind: fc.constantFrom('copy', 'null', 'delete', 'now', 'swap'),
  });
  let edited = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
      furnished.vault.edit((file) => {
        for (const table of tables) {
          file.exec(`delete from ${table}`);
          for (const one of rows[table] ?? []) insert(file, table, one);
        }
        for (const { table, column, from, to, kind } of edits) {
          const all = rows[table] ?? [];
          const names = Object.keys(all[0] ?? {}).filter((name) => !free.includes(name));
          const name = names[column % names.length] ?? '';
          const [source, target] = [all[from % all.length] ?? {}, all[to % all.length] ?? {}];
          const [key = ''] = names;
          const change = (value: Value, at: Row): number =>
            file.prepare(`update or ignore ${table} set ${name} = ? where ${key} = ?`).run(value, at[key]).changes;
          if (kind === 'delete')
            edited += file.prepare(`delete from ${table} where ${key} = ?`).run(target[key]).changes;
          else if (kind === 'now') edited += change(furnished.vault.clock.now, target);
          else if (kind === 'null') edited += change(null, target);
          else edited += change(source[name] ?? null, target);
          if (kind === 'swap') change(target[name] ?? null, source);
        }
      });
      await expectTaken(JSON.stringify(edits));
    }),
    { numRuns: 60 },
  );
  expect(edited).toBeGreaterThan(60);
}, 60_000);

describe('what the seal does not answer for', () => {
  test('a last use that is none, or none that a clock could say', async () => {
    const { vault, clients } = furnished;
    const id = clients.boss?.keyId ?? '';
    for (const value of ['yesterday', -1, 1.5, 9e15, Number.MAX_SAFE_INTEGER, 2 ** 60, Buffer.alloc(8), '']) {
      set('api_keys', row('api_keys', id), 'last_used_at', value);
      expect((await outcome(vault.owner('api-keys.get', { id }))).code, `${value}`).toBe('damaged');
    }
    set('api_keys', row('api_keys', id), 'last_used_at', vault.clock.now);
    expect((await outcome(vault.owner('api-keys.get', { id }))).code).toBeUndefined();
  });
});
