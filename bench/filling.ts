import { join } from 'node:path';
import { createLocal, openServed, type Served } from '../src/calls/local.ts';
import { idPrefixes, typeId } from '../src/core/ids.ts';
import { formatKey, keyPrefix, keySuffix } from '../src/core/key-format.ts';
import { randomBytes } from '../src/crypto.ts';
import * as keys from '../src/store/api-keys.ts';
import type { Query, Value } from '../src/store/db.ts';
import * as secrets from '../src/store/secrets.ts';
import type { Store } from '../src/store/table.ts';
import { type Tags, tagRows } from '../src/store/tags.ts';
import { uuidSource } from '../src/uuid.ts';
import type { Place, World } from '../src/vault/open.ts';

/** Vaults full of records that are what the program itself would have written, put in a few thousand at a time. */
export const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};

export interface FilledPlace extends Place {
  keyFile: string;
}

export const placeIn = (folder: string, path = join(folder, 'vault.db')): FilledPlace => {
  const keyFile = join(folder, 'key');
  return { path, keyFile, keys: { keyFile, defaultKeyFile: () => keyFile } };
};

export const openFilled = async (place: Place): Promise<Served> => {
  await createLocal(world, place);
  return openServed(world, place);
};

const atOnce = 5_000;
const rowsAtOnce = 100;

const severalRows = (sql: string, rows: number): string => {
  const columns = / values \(([^)]*)\)/.exec(sql)?.[1]?.split(',').length ?? 0;
  const row = (n: number): string =>
    `(${Array.from({ length: columns }, (_, i) => `$${n * columns + i + 1}`).join(', ')})`;
  const all = Array.from({ length: rows }, (_, n) => row(n)).join(', ');
  return sql.replace(/ values \([^)]*\)/, () => ` values ${all}`);
};

/** Keeps the inserts that the store's tables make, and sends those of one text together, many rows in each statement. */
const gathering = (db: Query) => {
  const kept = new Map<string, (readonly Value[])[]>();
  const query: Query = {
    ...db,
    async run(sql, params = []) {
      const rows = kept.get(sql);
      if (rows === undefined) kept.set(sql, [params]);
      else rows.push(params);
      return 1;
    },
  };
  const send = async (tx: Query): Promise<void> => {
    for (const [sql, rows] of kept) {
      for (let at = 0; at < rows.length; at += rowsAtOnce) {
        const part = rows.slice(at, at + rowsAtOnce);
        const count = await tx.run(severalRows(sql, part.length), part.flat());
        if (count !== part.length) throw new Error(`a record was there already: ${sql}`);
      }
    }
  };
  return { query, send };
};

const inParts = async (
  { vault }: Served,
  count: number,
  put: (store: Store, n: number) => Promise<void>,
): Promise<void> => {
  const { db, sealer, file } = vault;
  // Each part touches pages all over the indexes.
  if (file !== undefined) await file.run('pragma cache_size = -1000000');
  for (let done = 0; done < count; done += atOnce) {
    const { query, send } = gathering(db);
    for (let n = done; n < Math.min(count, done + atOnce); n++) await put({ db: query, sealer }, n);
    await db.tx('write', send);
    if (done % 100_000 === 0 && done > 0) process.stderr.write(`${done} of ${count}\n`);
  }
};

const putTags = async (store: Store, project: string, id: string, tags: Tags): Promise<void> => {
  for (const { tag_index: tag, key_index: key } of tagRows(store, project, tags)) {
    await store.db.run('insert into tags (resource_id, tag_index, key_index) values ($1, $2, $3)', [id, tag, key]);
  }
};

export const projectOf = async ({ vault }: Served): Promise<string> =>
  (await vault.db.get<{ id: string }>('select id from projects', []))?.id ?? '';

const dayMs = 86_400_000;

/** So many of the rare ones are in a vault of any size. */
const rare = 12;

/** Those that are rare stand evenly among all others. */
const isRare = (n: number, count: number, offset: number): boolean => n % Math.floor(count / rare) === offset;

/** From 0 to 1, evenly, and beside whatever else depends on the number. */
const spread = (n: number, salt = 0): number => (Math.imul(n * 2 + salt + 1, 0x9e3779b1) >>> 0) / 2 ** 32;

const tagsOf = (n: number, count: number): Tags => ({
  env: spread(n, 1_000_003) < 0.5 ? 'prod' : 'staging',
  team: `team-${n % Math.ceil(count / 100)}`,
  ...(isRare(n, count, 5) ? { rare: 'yes' } : {}),
});

export interface KeyFilled {
  principals: readonly string[];
  ids: readonly string[];
  /** Of those that have one still. */
  names: readonly string[];
  /** Those that work, as their holders have them. */
  raw: readonly string[];
}

/** One in ten each is disabled and revoked; a few have expired, and a few are about to; so many principals of a hundred keys. */
export const fillKeys = async (served: Served, count: number): Promise<KeyFilled> => {
  const owner = served.core.as({ kind: 'owner' });
  const project = await projectOf(served);
  const principals: string[] = [];
  for (let i = 0; i < Math.ceil(count / 100); i++) {
    const { id } = await owner('principals.create', { name: `worker-${i}`, role_ids: ['Worker'] });
    principals.push(id);
  }
  const [ids, names, raw]: [string[], string[], string[]] = [[], [], []];
  const now = Date.now();
  await inParts(served, count, async (store, n) => {
    const key = formatKey('mbx_', randomBytes(32));
    const id = typeId(idPrefixes.apiKey, world.newUuid());
    const name = `key-${n}`;
    const isRevoked = spread(n) < 0.1;
    const isDisabled = spread(n) > 0.9;
    const end = isRare(n, count, 3)
      ? now - dayMs
      : isRare(n, count, 4)
        ? now + dayMs
        : n % 2 === 0
          ? now + 365 * dayMs
          : null;
    const clear = {
      project_id: project,
      principal_id: principals[n % principals.length] ?? '',
      name_index: isRevoked ? null : keys.nameIndex(store, project, name),
      key_hash: store.sealer.keyHash(key),
      expires_at: end,
      disabled_at: isDisabled ? now : null,
      revoked_at: isRevoked ? now : null,
      retires_at: isRare(n, count, 6) ? now + dayMs : null,
      created_at: now,
      updated_at: now,
    };
    const tags = tagsOf(n, count);
    await keys.insert(store, id, clear, { name, prefix: keyPrefix(key), suffix: keySuffix(key), tags });
    await putTags(store, project, id, tags);
    ids.push(id);
    if (!isRevoked) names.push(name);
    if (!isRevoked && !isDisabled && (end ?? now) >= now) raw.push(key);
  });
  return { principals, ids, names, raw };
};

export const secretName = (n: number): string => `db/secret-${n}`;

/** Each with so many versions, the last one in use; a few end soon. */
export const fillSecrets = async (served: Served, count: number, versions: number): Promise<readonly string[]> => {
  const project = await projectOf(served);
  const ids: string[] = [];
  const now = Date.now();
  const utf8 = new TextEncoder();
  await inParts(served, count, async (store, n) => {
    const id = typeId(idPrefixes.secret, world.newUuid());
    const name = secretName(n);
    const tags = tagsOf(n, count);
    const clear = {
      project_id: project,
      name_index: secrets.nameIndex(store, project, name),
      version: versions,
      expires_at: isRare(n, count, 4) ? now + dayMs : n % 2 === 0 ? now + 365 * dayMs : null,
      created_by: null,
      updated_by: null,
      created_at: now,
      updated_at: now,
    };
    await secrets.insert(store, id, clear, { name, description: 'of a benchmark', tags });
    await putTags(store, project, id, tags);
    for (let version = 1; version <= versions; version++) {
      const isLast = version === versions;
      const bytes = utf8.encode(JSON.stringify({ value: `plainly fake ${n} ${version}` }));
      const about = { sha256: Buffer.from(store.sealer.hash(bytes)).toString('hex'), key_names: ['value'] };
      await secrets.insertVersion(
        store,
        typeId(idPrefixes.secretVersion, world.newUuid()),
        {
          project_id: project,
          secret_id: id,
          version,
          state: isLast ? 'ENABLED' : 'DISABLED',
          created_by: null,
          created_at: now,
          disabled_at: isLast ? null : now,
          destroy_at: null,
          destroyed_at: null,
        },
        about,
        bytes,
      );
    }
    ids.push(id);
  });
  return ids;
};
