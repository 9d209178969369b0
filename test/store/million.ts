import { rowsOf } from './postgres-shared.ts';

/** Fills the tables of a vault as years of use would: a million keys, and what hangs on them. */

const hourMs = 3_600_000;

/** Rows that nobody can open, which lie behind those of the test in every order. */
const id = (prefix: string, n = 'i'): string => `'${prefix}_7' || lpad(to_hex(${n}), 25, '0')`;
const hash = (salt: number): string => `sha256(int8send(i + ${salt * 10_000_000}))`;
const sealed = "decode(repeat(md5(i::text), 8), 'hex')";

type Filling = readonly [table: string, count: number, sql: string];

/** So many are those of the first project; the others are those of one that came later, with the tag of its one key. */
const ofFirst = 700_000;

const ownTag = (project: string, column: string): string =>
  `select x.${column} from tags x join api_keys t on t.id = x.resource_id where t.project_id = '${project}' limit 1`;

const rowsFor = (project: string, younger: string, now: number): readonly Filling[] => [
  [
    'principals',
    100_000,
    `(id, project_id, name_index, kind, created_at, updated_at, sealed)
     select ${id('prin')}, '${project}', ${hash(1)}, 'service', ${now}, ${now}, ${sealed}`,
  ],
  [
    'role_assignments',
    100_000,
    `(id, project_id, principal_id, role_id, created_at, sealed)
     select ${id('ras')}, '${project}', ${id('prin')}, 'role_7' || i % 50, ${now}, ${sealed}`,
  ],
  [
    'api_keys',
    1_000_000,
    `(id, project_id, principal_id, name_index, key_hash, expires_at, created_at, updated_at, sealed)
     select ${id('key')}, case when i <= ${ofFirst} then '${project}' else '${younger}' end,
       ${id('prin', '1 + i % 100000')}, ${hash(1)}, ${hash(2)}, case when i % 3 = 0 then ${now} + i end, ${now}, ${now}, ${sealed}`,
  ],
  [
    'rotations',
    100_000,
    `(id, project_id, subject_id, step, held_until, created_at, updated_at, ended_at, sealed)
     select ${id('rot')}, '${project}', ${id('key')}, 'done', ${now}, ${now}, ${now}, ${now}, ${sealed}`,
  ],
  [
    'rotation_policies',
    100_000,
    `(id, project_id, subject_id, due_at, created_at, updated_at, sealed)
     select ${id('rpol')}, 'prj_another', ${id('key')}, ${now} + i * 1000, ${now}, ${now}, ${sealed}`,
  ],
  ['rate_windows', 50_000, `(key_id, started_at, used) select ${id('key')}, ${now}, 1`],
  [
    'tags',
    200_000,
    `(resource_id, tag_index, key_index)
     select ${id('key')}, sha256(int8send(i % 1000)), sha256(int8send(i % 10))`,
  ],
  [
    'tags',
    1_000_000 - ofFirst,
    `(resource_id, tag_index, key_index)
     select ${id('key', `${ofFirst} + i`)}, (${ownTag(younger, 'tag_index')}), (${ownTag(younger, 'key_index')})`,
  ],
  [
    'tokens',
    200_000,
    `(id, project_id, principal_id, key_id, project_generation, principal_generation, request_limit, expires_at,
       created_at, used, sealed)
     select ${id('tok')}, '${project}', ${id('prin', '1 + i % 100000')}, ${id('key')}, 0, 0, 100,
       ${now} + case when i <= 2000 then -2 else 2 end * ${hourMs} + i, ${now}, 0, ${sealed}`,
  ],
  [
    'audit_log',
    200_000,
    `(id, seq, project_id, action, resource_type, resource_id, created_at, sealed, mac, hash)
     select ${id('aud')}, 1000 + i, '${project}', 'api-keys.create', 'api_key', ${id('key')}, ${now}, ${sealed},
       ${hash(3)}, ${hash(2)}`,
  ],
  [
    'secrets',
    20_000,
    `(id, project_id, name_index, version, created_at, updated_at, sealed)
     select ${id('sec')}, '${project}', ${hash(1)}, 1, ${now}, ${now}, ${sealed}`,
  ],
  [
    'secret_versions',
    20_000,
    `(id, project_id, secret_id, version, state, created_at, sealed)
     select ${id('ver')}, '${project}', ${id('sec')}, 1, 'ENABLED', ${now}, ${sealed}`,
  ],
  ['secret_values', 20_000, `(version_id, sealed) select ${id('ver')}, ${sealed}`],
  [
    'users',
    20_000,
    `(id, email_index, created_at, updated_at, sealed)
     select ${id('usr')}, ${hash(4)}, ${now}, ${now}, ${sealed}`,
  ],
  [
    'sessions',
    50_000,
    `(id, user_id, kind, token_hash, generation, created_at, sealed)
     select ${id('cred')}, ${id('usr', '1 + i % 20000')}, 'cli', ${hash(2)}, 0, ${now}, ${sealed}`,
  ],
  [
    'attempts',
    50_000,
    `(id, failures, updated_at) select ${hash(5)}, 1, ${now} - case when i <= 60 then 2 else 0 end * ${hourMs}`,
  ],
  [
    'answers',
    50_000,
    `(id, request, replay_until, expires_at, sealed)
     select ${hash(5)}, ${hash(6)}, ${now} + case when i <= 60 then -1 else 23 end * ${hourMs},
       ${now} + case when i <= 60 then 0 else 23 end * ${hourMs}, ${sealed}`,
  ],
  [
    'device_codes',
    20_000,
    `(id, device_hash, user_code_index, source_index, state, expires_at, created_at, sealed)
     select ${id('dev')}, ${hash(7)}, ${hash(8)}, ${hash(9)}, 'pending',
       ${now} + case when i <= 60 then -2 else 1 end * ${hourMs}, ${now}, ${sealed}`,
  ],
];

/** An index is made at once of all rows, which takes a fraction of the time of as many changes. */
const filling = ([table, count, sql]: Filling): string[] => [
  `update pg_index set indisready = false, indisvalid = false where indrelid = '${table}'::regclass`,
  `insert into ${table} ${sql} from generate_series(1, ${count}) i`,
  `reindex table ${table}`,
];

export const fill = async (address: string, now: number): Promise<void> => {
  const [project, younger] = await rowsOf<{ id: string }>(address, 'select id from projects order by id');
  // Nothing is checked of what only fills the tables.
  const quick = ['session_replication_role = replica', 'synchronous_commit = off', "maintenance_work_mem = '200MB'"];
  const statements = [
    ...quick.map((setting) => `set ${setting}`),
    ...rowsFor(project?.id ?? '', younger?.id ?? '', now).flatMap(filling),
    'analyze',
  ];
  await rowsOf(address, statements.join(';'));
};

/** Of which tables reading every row would take its time. */
export const bigTables = async (address: string): Promise<(table: string) => boolean> => {
  const rows = await rowsOf<{ name: string }>(
    address,
    "select relname as name from pg_class where relkind = 'r' and reltuples > 1000",
  );
  const names = new Set(rows.map(({ name }) => name));
  return (table) => names.has(table);
};
