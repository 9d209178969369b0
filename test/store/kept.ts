import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openSqlite } from '../../src/store/sqlite.ts';

/**
 * Uses a database in every way, collects garbage, and says what the library made of native objects and what of that was
 * freed. The test bundles this file and starts it.
 */
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: kept <path>');

const require = createRequire(import.meta.url);
const Database = require('better-sqlite3') as new (file: string) => object;
const { cppdb } = require('better-sqlite3/lib/util') as { cppdb: symbol };
type Method = (this: object, ...args: unknown[]) => object;

const made: Record<string, number> = {};
const freed: string[] = [];
const registry = new FinalizationRegistry<string>((name) => freed.push(name));
const seen = new WeakSet<object>();

const note = (name: string, one: object): void => {
  if (seen.has(one)) return;
  seen.add(one);
  made[name] = (made[name] ?? 0) + 1;
  registry.register(one, name);
};

// Every connection has one prototype; this one stays.
const first = new Database(':memory:');
const native = Object.getPrototypeOf(Reflect.get(first, cppdb)) as Record<string, Method>;
const watch = (name: string): void => {
  const method = native[name] as Method;
  native[name] = function (...args) {
    note('connection', this);
    const one = method.apply(this, args);
    note(name, one);
    return one;
  };
};
watch('prepare');
watch('backup');

const use = async (file: string): Promise<void> => {
  const db = await openSqlite(file, { create: true });
  await db.run('create table if not exists entries (id text primary key, n bigint)');
  for (let i = 0; i < 400; i++) await db.all(`select id from entries where n = $1 and ${i} = ${i}`, [i]);
  await db.tx('write', (tx) => tx.run('insert into entries (id, n) values ($1, $2)', [file, 1]));
  await db.tx('read', (tx) => tx.get('select count(*) as n from entries'));
  await db.run('insert into nothing (id) values ($1)', ['a']).catch(() => undefined);
  await db.truncateLog();
  await db.integrity();
  await db.copyTo(`${file}.copy`, () => undefined);
  await openSqlite(file, { alone: true, busyMs: 20 }).catch(() => undefined);
  await db.close();
};

await use(path);
await use(`${path}.other`);
// Shows that the collector ran, and that what it frees is counted.
note('nothing', {});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
for (let i = 0; i < 10; i++) {
  collect();
  await new Promise((done) => setTimeout(done, 10));
}
process.stdout.write(JSON.stringify({ made, freed }));
