import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLocal } from '../../src/calls/local.ts';
import { randomBytes } from '../../src/crypto.ts';
import { MobiusError } from '../../src/errors.ts';
import { keyTable } from '../../src/store/api-keys.ts';
import { principalTable } from '../../src/store/principals.ts';
import { projectTable } from '../../src/store/projects.ts';
import { assignmentTable, roleTable } from '../../src/store/roles.ts';
import { passingTables, recordTables, sealedTables } from '../../src/store/sealed-tables.ts';
import { secretTable } from '../../src/store/secrets.ts';
import type { Store } from '../../src/store/table.ts';
import type { Place, Vault } from '../../src/vault/open.ts';
import { rekey } from '../../src/vault/rekey.ts';
import { passphraseParams } from '../../src/vault/slot-keys.ts';
import { addSlot, newSlot } from '../../src/vault/slots.ts';
import { outcome, owner, refusal } from '../core/world.ts';
import { children, type Start } from '../store/processes.ts';
import { check, contents, edit, type Mould, mould, told } from './keeping.ts';

let from: Mould;
let start: Start;
beforeAll(async () => {
  from = await mould();
  start = await children(from.folder, 'test/vault/child.ts');
});
afterAll(() => from.remove());

const within = async <T>(place: Place, work: (vault: Vault, store: Store) => Promise<T>): Promise<T> => {
  const { vault, close } = await openLocal(from.world, place, owner);
  try {
    return await vault.db.tx('write', (db) => work(vault, { db, sealer: vault.sealer }));
  } finally {
    await close();
  }
};

const one = (path: string, sql: string): string => edit(path, (file) => file.prepare(sql).pluck().get()) as string;
const run = (path: string, sql: string, ...params: unknown[]): number =>
  edit(path, (file) => file.prepare(sql).run(...params).changes);

test('a sound vault is sound, and every row of it was looked at', async () => {
  const place = from.cast();
  const report = await check(from.world, place);
  expect(report).toMatchObject({ ok: true, problems: [], remarks: [] });
  for (const [table, count] of Object.entries(report.checked)) {
    expect({ table, count }).toEqual({ table, count: Number(one(place.path, `select count(*) from ${table}`)) });
    expect(count).toBeGreaterThan(0);
  }
  const {
    rekey: _,
    migrations: _migrations,
    moves: _moves,
    ...all
  } = Object.fromEntries(tablesOf(place).map((name) => [name, true]));
  expect(Object.keys(report.checked).sort()).toEqual(Object.keys(all).sort());
});

const tablesOf = ({ path }: Place): string[] =>
  edit(path, (file) =>
    file.prepare("select name from sqlite_schema where type = 'table' order by name").pluck().all(),
  ) as string[];

test('whoever adds a table or a foreign key also says what must be true of it', () => {
  const place = from.cast();
  const bare = [
    'vault',
    'keyslots',
    'keyring',
    'rekey',
    'tags',
    'secret_values',
    'migrations',
    'audit_marks',
    'moves',
    ...passingTables,
  ];
  expect(tablesOf(place)).toEqual([...sealedTables.map(({ name }) => name), ...bare].sort());
  for (const { table, truths } of recordTables) {
    const keys = edit(place.path, (file) => file.pragma(`foreign_key_list(${table.name})`)) as {
      from: string;
      table: string;
    }[];
    for (const key of keys) {
      const link = truths.links.find(({ column }) => column === key.from);
      expect({ table: table.name, column: key.from, to: link?.to }).toEqual({
        table: table.name,
        column: key.from,
        to: key.table,
      });
    }
  }
});

interface Fault {
  plant(place: Place): unknown;
  /** What is told, with the id that `plant` gave in the place of `#`. */
  tells: readonly (string | RegExp)[];
}

const flipBlob = (path: string, table: string, column: string, id: string): string => {
  const blob = edit(path, (file) =>
    file.prepare(`select ${column} from ${table} where id = ?`).pluck().get(id),
  ) as Buffer;
  blob[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
  run(path, `update ${table} set ${column} = ? where id = ?`, blob, id);
  return id;
};

const closed = 'it does not open: its sealed value or a clear column was changed';
/** The second one; of signing keys there is only one. */
const some = (path: string, table: string): string => {
  const at = table === 'signing_keys' ? 0 : 1;
  return one(path, `select id from ${table} order by id limit 1 offset ${at}`);
};
const auditId = (path: string, seq: number): string => one(path, `select id from audit_log where seq = ${seq}`);

const faults: Record<string, Fault> = {
  ...Object.fromEntries(
    [
      ['projects', 'handle_index'],
      ['principals', 'name_index'],
      ['roles', 'name_index'],
      ['api_keys', 'name_index'],
      ['api_keys', 'key_hash'],
      ['secrets', 'name_index'],
      ['users', 'email_index'],
      ['device_codes', 'device_hash'],
      ['device_codes', 'user_code_index'],
    ].map(([table = '', column = '']) => [
      `another ${column} in ${table}`,
      {
        plant: ({ path }: Place) => {
          const id = one(path, `select id from ${table} where ${column} is not null order by id limit 1 offset 1`);
          run(path, `update ${table} set ${column} = ? where id = ?`, randomBytes(32), id);
          return id;
        },
        tells: [`${table} #: ${closed}`],
      },
    ]),
  ),
  ...Object.fromEntries(
    sealedTables.map(({ name }) => [
      `a flipped bit in a blob of ${name}`,
      { plant: ({ path }: Place) => flipBlob(path, name, 'sealed', some(path, name)), tells: [`${name} #: ${closed}`] },
    ]),
  ),
  'a row without a blob': {
    plant: ({ path }) => {
      const id = some(path, 'roles');
      run(path, "update roles set sealed = 'text' where id = ?", id);
      return id;
    },
    tells: ['roles #: a row of "roles" has no id or nothing sealed'],
  },
  'a blob of an epoch that there is no key for': {
    plant: ({ path }) => {
      const id = some(path, 'roles');
      const blob = edit(path, (file) =>
        file.prepare('select sealed from roles where id = ?').pluck().get(id),
      ) as Buffer;
      blob.writeUInt32BE(7, 1);
      run(path, 'update roles set sealed = ? where id = ?', blob, id);
      return id;
    },
    tells: ["roles #: it is sealed under the record key of epoch 7, which the keyring doesn't hold"],
  },
  'a last use that is no time': {
    plant: ({ path }) => {
      const id = some(path, 'api_keys');
      run(path, "update api_keys set last_used_at = 'never' where id = ?", id);
      return id;
    },
    tells: [/^api_keys #: .* in "last_used_at" than belongs there$/],
  },
  'a project whose handle_index is another': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const [row] = await projectTable.select(store, 'order by t.id', []);
        if (row === undefined) throw new Error('no project');
        await projectTable.update(store, row, { clear: { handle_index: randomBytes(32) } });
        return row.id;
      }),
    tells: ['projects #: "handle_index" is not what its plain text gives, so it isn\'t found by its name'],
  },
  'a principal whose name_index is another': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await principalTable.one(store, 'where t.archived_at is null order by t.id limit 1', []);
        if (row === undefined) throw new Error('no principal');
        await principalTable.update(store, row, { clear: { name_index: randomBytes(32) } });
        return row.id;
      }),
    tells: ['principals #: "name_index" is not what its plain text gives, so it isn\'t found by its name'],
  },
  'an archived principal that keeps its name and its tags': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await principalTable.one(
          store,
          'where t.id in (select resource_id from tags) order by t.id limit 1',
          [],
        );
        if (row === undefined) throw new Error('no principal');
        await principalTable.update(store, row, { clear: { archived_at: 1 } });
        return row.id;
      }),
    tells: [
      'principals #: "name_index" is not what its plain text gives, so it isn\'t found by its name',
      "tags #: 2 rows of the index are for tags that it doesn't have",
    ],
  },
  'a role whose name_index is another': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const [row] = await roleTable.select(store, 'order by t.id', []);
        if (row === undefined) throw new Error('no role');
        await roleTable.update(store, row, { clear: { name_index: randomBytes(32) } });
        return row.id;
      }),
    tells: ['roles #: "name_index" is not what its plain text gives, so it isn\'t found by its name'],
  },
  'a revoked key that keeps its name': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await keyTable.one(store, 'where t.revoked_at is not null order by t.id limit 1', []);
        if (row === undefined) throw new Error('no key');
        await keyTable.update(store, row, { clear: { name_index: randomBytes(32) } });
        return row.id;
      }),
    tells: ['api_keys #: "name_index" is not what its plain text gives, so it isn\'t found by its name'],
  },
  'a secret whose name_index is another': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const [row] = await secretTable.select(store, 'order by t.id', []);
        if (row === undefined) throw new Error('no secret');
        await secretTable.update(store, row, { clear: { name_index: randomBytes(32) } });
        return row.id;
      }),
    tells: ['secrets #: "name_index" is not what its plain text gives, so it isn\'t found by its name'],
  },
  'a flipped bit in the values of a version': {
    plant: ({ path }) => {
      const id = one(path, 'select version_id from secret_values limit 1');
      const blob = edit(path, (file) =>
        file.prepare('select sealed from secret_values where version_id = ?').pluck().get(id),
      ) as Buffer;
      blob[60] = (blob[60] ?? 0) ^ 1;
      run(path, 'update secret_values set sealed = ? where version_id = ?', blob, id);
      return id;
    },
    tells: [/^secret_versions #: the values of the secret version "#" are damaged$/],
  },
  'values that are gone': {
    plant: ({ path }) => {
      const id = one(path, 'select version_id from secret_values limit 1');
      run(path, 'delete from secret_values where version_id = ?', id);
      return id;
    },
    tells: [/^secret_versions #: the values of the secret version "#" are missing$/],
  },
  'values of a destroyed version that are still there': {
    plant: ({ path }) => {
      const id = one(path, "select id from secret_versions where state = 'DESTROYED' limit 1");
      run(path, 'insert into secret_values values (?, ?)', id, randomBytes(100));
      return id;
    },
    tells: ['secret_versions #: it is destroyed, but its values are still there'],
  },
  'values of no version': {
    plant: ({ path }) => {
      run(path, "insert into secret_values values ('ver_nobody', ?)", randomBytes(100));
      return 'ver_nobody';
    },
    tells: ['secret_values #: they are of a version that is not there'],
  },
  'a version that is gone': {
    plant: ({ path }) => {
      const id = one(path, 'select secret_id from secret_versions where version = 2 limit 1');
      const version = one(path, `select id from secret_versions where secret_id = '${id}' and version = 2`);
      run(path, 'delete from secret_values where version_id = ?', version);
      run(path, 'delete from secret_versions where id = ?', version);
      return id;
    },
    tells: ['secrets #: it has 3 versions, but not all of them are there'],
  },
  'a tag row that is gone': {
    plant: ({ path }) => {
      const id = one(path, "select resource_id from tags where resource_id like 'role_%' limit 1");
      expect(
        run(path, 'delete from tags where rowid in (select rowid from tags where resource_id = ? limit 1)', id),
      ).toBe(1);
      return id;
    },
    tells: ["tags #: 1 of its 2 tags are not in the index, so it isn't found by them"],
  },
  'all tag rows gone': {
    plant: ({ path }) => {
      const id = one(path, "select resource_id from tags where resource_id like 'key_%' limit 1");
      run(path, 'delete from tags where resource_id = ?', id);
      return id;
    },
    tells: [/^tags #: (\d) of its \1 tags are not in the index/],
  },
  'a tag row that is another': {
    plant: ({ path }) => {
      const id = one(path, "select resource_id from tags where resource_id like 'prin_%' limit 1");
      run(
        path,
        'update tags set tag_index = ? where rowid in (select rowid from tags where resource_id = ? limit 1)',
        randomBytes(32),
        id,
      );
      return id;
    },
    tells: [
      "tags #: 1 of its 2 tags are not in the index, so it isn't found by them",
      "tags #: 1 rows of the index are for tags that it doesn't have",
    ],
  },
  'a tag row of a thing without tags': {
    plant: ({ path }) => {
      const id = one(path, 'select id from roles where id not in (select resource_id from tags) limit 1');
      run(path, 'insert into tags values (?, ?, ?)', id, randomBytes(32), randomBytes(32));
      return id;
    },
    tells: ["tags #: 1 rows of the index are for tags that it doesn't have"],
  },
  'tag rows of nothing': {
    plant: ({ path }) => {
      for (let i = 0; i < 3; i++)
        run(path, "insert into tags values ('role_nobody', ?, ?)", randomBytes(32), randomBytes(32));
      return 'role_nobody';
    },
    tells: ['tags #: 3 rows of the index are of something that is not there'],
  },
  'an audit row that is gone': {
    plant: ({ path }) => {
      run(path, 'delete from audit_log where seq = 7');
    },
    tells: ['audit_log entry 7: entry 7 is missing'],
  },
  'the first audit rows gone': {
    plant: ({ path }) => {
      run(path, 'delete from audit_log where seq <= 3');
    },
    tells: ['audit_log entry 1: entries 1 to 3 are missing'],
  },
  'no audit row left': {
    plant: ({ path }) => run(path, 'delete from audit_log'),
    tells: ['audit_log: it is empty, and no vault is made without its first row'],
  },
  'an audit row that says something else': {
    plant: ({ path }) => {
      run(path, "update audit_log set action = 'roles.get' where seq = 9");
      return auditId(path, 9);
    },
    tells: [`audit_log #: ${closed}`],
  },
  'an audit row that was sealed anew with another text': {
    plant: (place) =>
      within(place, async ({ sealer }, { db }) => {
        const row = await db.get('select * from audit_log where seq = 9');
        const { id, seq: _, sealed: _sealed, mac: _mac, hash: _hash, ...clear } = row ?? {};
        const sealed = sealer.seal({ table: 'audit_log', id: String(id), clear }, { actor_name: 'somebody else' });
        await db.run('update audit_log set sealed = $1 where seq = 9', [sealed]);
        return id;
      }),
    tells: ['audit_log #: its MAC is not the one of what stands in it'],
  },
  'two audit rows that changed places': {
    plant: ({ path }) => {
      edit(path, (file) => {
        file.exec('update audit_log set seq = 1000 where seq = 5; update audit_log set seq = 5 where seq = 6');
        file.exec('update audit_log set seq = 6 where seq = 1000');
      });
    },
    tells: ['audit_log entry 5: entries 5 to 7 do not follow from what stands before'],
  },
  'another MAC': {
    plant: ({ path }) => flipBlob(path, 'audit_log', 'mac', auditId(path, 4)),
    tells: ['audit_log #: its MAC is not the one of what stands in it'],
  },
  'another hash': {
    plant: ({ path }) => flipBlob(path, 'audit_log', 'hash', auditId(path, 4)),
    tells: ['audit_log #: its link to the one before was changed'],
  },
  'no hash': {
    plant: ({ path }) => {
      run(path, 'update audit_log set hash = null where seq = 4');
      return auditId(path, 4);
    },
    tells: ['audit_log #: its link to the one before was changed'],
  },
  'an audit row without a number': {
    plant: ({ path }) => {
      const id = auditId(path, 6);
      run(path, 'update audit_log set seq = null where seq = 6');
      return id;
    },
    tells: ['audit_log entry 6: entry 6 is missing', 'audit_log #: it has no place in the chain'],
  },
  'an audit row with a text for a number': {
    plant: ({ path }) => {
      const id = one(path, 'select id from audit_log order by seq desc limit 1');
      run(path, "update audit_log set seq = 'last' where id = ?", id);
      return id;
    },
    tells: [
      'audit_log #: it has no place in the chain',
      /^audit_log entry \d+: the log was cut off: entry \d+ is missing at its end$/,
    ],
  },
  'a key whose principal is gone': {
    plant: ({ path }) => {
      const id = one(
        path,
        `select id from api_keys where principal_id = (select t.principal_id from api_keys t
        where not exists (select 1 from role_assignments a where a.principal_id = t.principal_id)
        group by t.principal_id having count(*) = 1 order by t.principal_id limit 1)`,
      );
      run(path, 'delete from principals where id = (select principal_id from api_keys where id = ?)', id);
      return id;
    },
    tells: [/^api_keys #: "principal_id" names "prin_\w+", which is not there$/],
  },
  'a role that is gone': {
    plant: ({ path }) => {
      const role = one(
        path,
        `select r.id from roles r join role_assignments a on a.role_id = r.id
        where r.id not in (select resource_id from tags) group by r.id having count(*) = 1`,
      );
      const id = one(path, `select id from role_assignments where role_id = '${role}'`);
      run(path, 'delete from roles where id = ?', role);
      return id;
    },
    tells: [/^role_assignments #: "role_id" names "role_\w+", which is not there$/],
  },
  'a project that is gone': {
    plant: ({ path }) => {
      const id = one(path, 'select project_id from roles group by project_id having count(*) = 1');
      run(path, 'delete from projects where id = ?', id);
      return id;
    },
    tells: ['principals', 'roles', 'role_assignments', 'api_keys'].map(
      (table) => new RegExp(`^${table} \\w+: "project_id" names "#", which is not there$`),
    ),
  },
  'a key of a principal of another project': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await keyTable.one(store, 'where t.revoked_at is null order by t.id limit 1', []);
        const stranger = await principalTable.one(store, 'where t.project_id <> $1 limit 1', [
          row?.clear.project_id ?? null,
        ]);
        if (row === undefined || stranger === undefined) throw new Error('no key');
        await keyTable.update(store, row, { clear: { principal_id: stranger.id } });
        return row.id;
      }),
    tells: [/^api_keys #: "principal_id" names "prin_\w+", which belongs to another project$/],
  },
  'an owner of another project': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await principalTable.one(store, 'where t.owner_id is not null', []);
        const stranger = await principalTable.one(store, 'where t.project_id <> $1 limit 1', [
          row?.clear.project_id ?? null,
        ]);
        if (row === undefined || stranger === undefined) throw new Error('no principal');
        await principalTable.update(store, row, { clear: { owner_id: stranger.id } });
        return row.id;
      }),
    tells: [/^principals #: "owner_id" names "prin_\w+", which belongs to another project$/],
  },
  'a role of another project, and one that mobius does not define': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const rows = await assignmentTable.select(store, 'order by t.id limit 2', []);
        const [first, second] = rows;
        const role = await roleTable.one(store, 'where t.project_id <> $1 limit 1', [first?.clear.project_id ?? null]);
        if (first === undefined || second === undefined || role === undefined) throw new Error('no assignment');
        await assignmentTable.update(store, first, { clear: { role_id: role.id } });
        await assignmentTable.update(store, second, { clear: { role_id: 'role_00000000005r00800000000009' } });
        return first.id;
      }),
    tells: [
      /^role_assignments #: "role_id" names "role_\w+", which belongs to another project$/,
      /^role_assignments ras_\w+: "role_id" names "role_00000000005r00800000000009", which is not there$/,
    ],
  },
  'who granted it is gone': {
    plant: (place) =>
      within(place, async (_vault, store) => {
        const row = await assignmentTable.one(store, 'order by t.id limit 1', []);
        if (row === undefined) throw new Error('no assignment');
        await assignmentTable.update(store, row, { clear: { granted_by: 'prin_nobody' } });
        return row.id;
      }),
    tells: ['role_assignments #: "granted_by" names "prin_nobody", which is not there'],
  },
  'an index that leads past a row': {
    plant: ({ path }) => {
      const pointed = edit(path, (file) =>
        file.prepare("select * from sqlite_schema where name = 'tags_by_tag'").get(),
      );
      const { type, name, tbl_name: table, rootpage, sql } = pointed as Record<string, unknown>;
      const schema = (work: (file: Sqlite.Database) => void): void =>
        edit(path, (file) => {
          file.unsafeMode(true);
          file.pragma('writable_schema = on');
          work(file);
        });
      schema((file) => file.exec("delete from sqlite_schema where name = 'tags_by_tag'"));
      edit(path, (file) =>
        file.exec(
          'create table t as select * from tags; delete from tags; insert into tags select * from t order by rowid desc; drop table t',
        ),
      );
      schema((file) =>
        file.prepare('insert into sqlite_schema values (?, ?, ?, ?, ?)').run(type, name, table, rootpage, sql),
      );
    },
    // All but the one in the middle are elsewhere now.
    tells: Array.from({ length: 10 }, () => /^file: row \d+ missing from index tags_by_tag$/),
  },
  'a trigger': {
    plant: ({ path }) => edit(path, (file) => file.exec('create trigger t after insert on roles begin select 1; end')),
    tells: ['roles: it has a trigger, "t", which mobius never makes'],
  },
  'a view': {
    plant: ({ path }) => edit(path, (file) => file.exec('create view v as select 1')),
    tells: ['v: it has a view, "v", which mobius never makes'],
  },
  'a key of the ring that is gone': {
    plant: ({ path }) => run(path, "delete from keyring where purpose = 'audit'"),
    tells: ['keyring audit: the key is missing'],
  },
  'two keys of the ring that are damaged': {
    plant: ({ path }) =>
      run(path, "update keyring set sealed = zeroblob(length(sealed)) where purpose in ('index', 'key-hash')"),
    tells: ['keyring index 1: the key is damaged', 'keyring key-hash 1: the key is damaged'],
  },
  'an epoch that there is no key for': {
    plant: ({ path }) => run(path, 'update vault set epoch = 2'),
    tells: ['vault: its epoch is 2, and the newest record key in the keyring is of epoch 1'],
  },
  'a second vault in the file': {
    plant: ({ path }) => run(path, "insert into vault select 'vlt_zzz', format, epoch, null, created_at from vault"),
    tells: ['vault: it has more than one row, so it is not clear which'],
  },
  'no vault in the file': {
    plant: ({ path }) => run(path, 'delete from vault'),
    tells: ['vault: the file holds no vault'],
  },
  'a table that is gone, to which nothing leads': {
    plant: ({ path }) => edit(path, (file) => file.exec('drop table tags')),
    tells: ['tags: the table is missing'],
  },
  'a table that is gone, to which others lead': {
    plant: ({ path }) => edit(path, (file) => file.exec('drop table principals')),
    tells: ['principals: the table is missing'],
  },
};

const fill = (expected: string | RegExp, id: unknown): RegExp =>
  expected instanceof RegExp
    ? new RegExp(expected.source.replaceAll('#', String(id)))
    : new RegExp(`^${expected.replaceAll('#', String(id)).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

describe('finds', () => {
  test.each(Object.keys(faults))('%s', async (name) => {
    const place = from.cast();
    const fault = faults[name] as Fault;
    const id = await fault.plant(place);
    const report = await check(from.world, place);
    const lines = told(report);
    expect(report.ok).toBe(false);
    for (const [at, expected] of fault.tells.entries()) expect(lines[at]).toMatch(fill(expected, id));
    expect(lines).toHaveLength(fault.tells.length);
    for (const { mend } of report.problems) expect(mend).toMatch(/^(restore|remove|write|open)/);
  });

  test('all of many at once', async () => {
    const place = from.cast();
    const names = ['another name_index in roles', 'a flipped bit in a blob of api_keys', 'an audit row that is gone'];
    const more = ['tag rows of nothing', 'who granted it is gone', 'another handle_index in projects'];
    const planted: [Fault, unknown][] = [];
    for (const name of [...more, ...names]) {
      const fault = faults[name] as Fault;
      planted.push([fault, await fault.plant(place)]);
    }
    const lines = told(await check(from.world, place));
    for (const [{ tells }, id] of planted) {
      for (const expected of tells) expect(lines.some((line) => fill(expected, id).test(line))).toBe(true);
    }
    expect(lines).toHaveLength(6);
  });
});

describe('keyslots', () => {
  const withPassphrase = async (place: Place): Promise<string> => {
    const { vault, close } = await openLocal(from.world, place, owner);
    const slot = newSlot(from.world, 'passphrase', passphraseParams({ operations: 1, memoryBytes: 8192 }));
    await addSlot(vault, slot, 'a fake passphrase', async () => undefined);
    await close();
    return slot.id;
  };

  test.each([
    ['no JSON', "update keyslots set params = 'text' where id = ?", 'its parameters are damaged'],
    ['no salt', `update keyslots set params = '{"algorithm":"argon2id13"}' where id = ?`, 'its parameters are damaged'],
    ['null', "update keyslots set params = 'null' where id = ?", 'its parameters are damaged'],
    ['bytes', "update keyslots set params = x'00ff' where id = ?", 'a column holds something else than belongs there'],
    ['another kind', "update keyslots set kind = 'guess' where id = ?", 'its kind is "guess", which there isn\'t'],
    ['no blob', "update keyslots set sealed = 'text' where id = ?", 'a column holds something else than belongs there'],
  ])('edited in the file (%s) are named, and the rest is looked at', async (_, sql, problem) => {
    const place = from.cast();
    const id = await withPassphrase(place);
    run(place.path, sql, id);
    const report = await check(from.world, place);
    expect(told(report)).toEqual([`keyslots ${id}: ${problem}`]);
    expect(report.checked).toMatchObject({ keyslots: 2, roles: 3 });
    expect(report.remarks).toEqual([]);
  });

  test('of which the only one was edited: that is told, and that the rest stayed closed', async () => {
    const place = from.cast();
    const id = one(place.path, 'select id from keyslots');
    run(place.path, "update keyslots set params = '{ }'");
    const other = some(place.path, 'api_keys');
    run(place.path, "update api_keys set principal_id = 'prin_nobody' where id = ?", other);
    const report = await check(from.world, place);
    expect(told(report)).toEqual([
      `keyslots ${id}: its parameters are damaged`,
      `api_keys ${other}: "principal_id" names "prin_nobody", which is not there`,
    ]);
    expect(report.remarks[0]).toContain('no sealed value was looked at, for the vault is locked');
  });

  test('none of them', async () => {
    const place = from.cast();
    run(place.path, 'delete from keyslots');
    expect(told(await check(from.world, place))).toEqual(['keyslots: there is none: nothing opens the vault']);
  });
});

test('a vault that nobody brought a key for is locked', async () => {
  const place = from.cast();
  const error = await refusal(check(from.world, { ...place, keys: { defaultKeyFile: () => '/nowhere/vault.key' } }));
  expect(error.code).toBe('locked');
});

test('a vault that is not there is not there', async () => {
  expect((await refusal(check(from.world, { ...from.cast(), path: '/nowhere/vault.db' }))).code).toBe(
    'not_initialised',
  );
});

describe('remarks are no problems:', () => {
  test('a re-key that was interrupted', async () => {
    const place = from.cast();
    const { vault, close } = await openLocal(from.world, place, owner);
    const interrupted = rekey(vault, from.world, {
      carried: [],
      onProgress: () => {
        throw new Error('interrupted');
      },
      record: async () => undefined,
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    await close();
    const report = await check(from.world, place);
    expect(report).toMatchObject({ ok: true, problems: [] });
    expect(report.remarks).toEqual([expect.stringMatching(/^a re-key is under way since .*mobius vault rekey$/)]);
    run(place.path, 'update rekey set sealed = zeroblob(length(sealed))');
    const id = one(place.path, 'select id from rekey');
    expect(told(await check(from.world, place))).toEqual([`rekey ${id}: the next root key is damaged`]);
  });

  test('a scrub that is pending', async () => {
    const place = from.cast();
    run(place.path, 'update vault set scrub_pending_at = 1');
    const report = await check(from.world, place);
    expect(report.ok).toBe(true);
    expect(report.remarks).toEqual([expect.stringContaining('still lies in the log')]);
  });
});

describe('in a large vault', () => {
  let place: Place;
  const count = 700;
  beforeAll(async () => {
    place = from.cast();
    const { call, close } = await openLocal(from.world, place, owner);
    for (let i = 0; i < count; i++) {
      await call('roles.create', { name: `r${i}`, permissions: ['mobius.project.view'], tags: { number: `${i}` } });
    }
    await close();
  }, 60_000);

  const leafPages = (file: Sqlite.Database, table: string): number[] =>
    file
      .prepare("select pageno from dbstat where name = ? and pagetype = 'leaf' order by pageno")
      .pluck()
      .all(table) as number[];

  test('every page is looked at, and the last row is as well as the first', async () => {
    expect(await check(from.world, place)).toMatchObject({ ok: true, checked: { roles: count + 3 } });
    const last = one(place.path, 'select max(id) from roles');
    const hash = edit(place.path, (file) =>
      file.prepare('select name_index from roles where id = ?').pluck().get(last),
    );
    run(place.path, 'update roles set name_index = ? where id = ?', randomBytes(32), last);
    expect(told(await check(from.world, place))).toEqual([`roles ${last}: ${closed}`]);
    run(place.path, 'update roles set name_index = ? where id = ?', hash, last);
  });

  test('others get their turn, and signals are heard', async () => {
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      timer = setImmediate(turn);
    };
    let timer = setImmediate(turn);
    await check(from.world, place);
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(7);
  });

  test('a page that SQLite can not read hides nothing but its own rows', async () => {
    const broken = { ...place, path: `${place.path}.broken` };
    writeFileSync(broken.path, readFileSync(place.path));
    const [size, pages] = edit(broken.path, (file) => [
      file.pragma('page_size', { simple: true }) as number,
      leafPages(file, 'roles'),
    ]);
    const bytes = readFileSync(broken.path);
    const at = (pages[Math.floor(pages.length / 2)] ?? 0) - 1;
    bytes.fill(0, at * size, (at + 1) * size);
    writeFileSync(broken.path, bytes);
    const planted = one(broken.path, 'select max(id) from api_keys');
    run(broken.path, 'update api_keys set expires_at = 5 where id = ?', planted);
    const { problems, checked } = await check(from.world, broken);
    expect(problems[0]).toMatchObject({ table: 'file' });
    const lost = problems.filter(({ problem }) => problem.startsWith("it can't be read:"));
    expect(lost.length).toBeGreaterThan(2);
    expect(lost.length).toBeLessThan(60);
    expect(lost.every(({ table, id }) => table === 'roles' && /^role_/.test(id ?? ''))).toBe(true);
    expect((checked.roles ?? 0) + lost.length).toBe(count + 3);
    expect(problems.some(({ table, id }) => table === 'api_keys' && id === planted)).toBe(true);
  });

  test('a list of problems ends somewhere', async () => {
    const copy = { ...place, path: `${place.path}.many` };
    writeFileSync(copy.path, readFileSync(place.path));
    edit(copy.path, (file) => {
      const insert = file.prepare('insert into tags values (?, ?, ?)');
      file.transaction(() => {
        for (let i = 0; i < 1_500; i++) insert.run(`role_nobody${i}`, randomBytes(32), randomBytes(32));
      })();
    });
    const { problems, remarks } = await check(from.world, copy);
    expect(problems).toHaveLength(1_000);
    expect(remarks).toEqual(['500 more problems are not listed']);
  });
});

describe('a file of arbitrary bytes', () => {
  const judged = async (place: Place): Promise<string> => {
    try {
      return (await check(from.world, place)).ok ? 'ok' : 'problems';
    } catch (error) {
      if (error instanceof MobiusError) return error.code;
      throw error;
    }
  };

  test.each([
    ['nothing', new Uint8Array(), 'not_initialised'],
    [
      'text',
      Buffer.from('this is no database at all, whatever its name says, and it is long enough\n'.repeat(99)),
      'problems',
    ],
    ['noise', randomBytes(20_000), 'problems'],
  ])('%s is told', async (_, bytes, expected) => {
    const place = from.cast();
    writeFileSync(place.path, bytes);
    expect(await judged(place)).toBe(expected);
  });

  test('cut off at any length', async () => {
    const { size } = statSync(from.cast().path);
    for (let part = 1; part < 20; part++) {
      const place = from.cast();
      truncateSync(place.path, Math.floor((size * part) / 20));
      expect(await judged(place)).toBe('problems');
    }
  }, 60_000);

  test('with whole stretches overwritten: sound is only what holds what it held', async () => {
    const whole = contents(from.cast().path);
    for (let round = 0; round < 40; round++) {
      const place = from.cast();
      const bytes = readFileSync(place.path);
      for (let i = 0; i < 3; i++) {
        const [a = 0, b = 0] = randomBytes(2);
        const at = Math.floor(((a * 256 + b) / 65_536) * bytes.length);
        bytes.set(randomBytes(Math.min(300, bytes.length - at)), at);
      }
      writeFileSync(place.path, bytes);
      const verdict = await judged(place);
      if (verdict === 'ok') expect(contents(place.path)).toEqual(whole);
      else expect(['problems', 'not_initialised', 'unsupported', 'locked', 'internal']).toContain(verdict);
    }
  }, 120_000);
});

describe('while others', () => {
  test('re-key the vault, all that it sees is sound', async () => {
    const place = from.cast();
    const { call, vault, close } = await openLocal(from.world, place, owner);
    for (let i = 0; i < 600; i++) await call('roles.create', { name: `r${i}`, permissions: ['mobius.project.view'] });
    const mine = `${place.path}.key`;
    writeFileSync(mine, readFileSync(place.keys.defaultKeyFile('')));
    let under = true;
    const renewed = rekey(vault, from.world, {
      carried: [],
      keyFile: { path: mine, slot: vault.unlocked.slot },
      onProgress: () => undefined,
      record: async () => undefined,
    }).finally(() => {
      under = false;
    });
    let checks = 0;
    for (; under; checks++) {
      const seen = await outcome(check(from.world, { ...place, keys: { defaultKeyFile: () => mine } }));
      // At the one moment in which the keys change it may be told to come again.
      if (seen.code === undefined) expect(told(seen.output)).toEqual([]);
      else expect(['service_unavailable', 'locked']).toContain(seen.code);
    }
    await renewed;
    await close();
    expect(checks).toBeGreaterThan(0);
    expect(told(await check(from.world, { ...place, keys: { defaultKeyFile: () => mine } }))).toEqual([]);
  }, 60_000);

  test('write, all that it sees is sound', async () => {
    const place = from.cast();
    const key = place.keys.defaultKeyFile('');
    const writers = ['a', 'b'].map((name) => start(['write', place.path, key, name]));
    try {
      await Promise.all(writers.map((writer) => writer.said('30')));
      for (let i = 0; i < 4; i++) expect(told(await check(from.world, place))).toEqual([]);
    } finally {
      for (const writer of writers) writer.process.kill('SIGKILL');
      await Promise.all(writers.map((writer) => writer.ended));
    }
    expect(told(await check(from.world, place))).toEqual([]);
  }, 60_000);
});
