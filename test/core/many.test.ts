import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idPrefixes, typeId } from '../../src/core/ids.ts';
import type { ApiKey, Secret } from '../../src/generated/types.ts';
import type { Input } from '../../src/operations.ts';
import { insert as insertKey, nameIndex as keyNameIndex } from '../../src/store/api-keys.ts';
import { insert as insertSecret, nameIndex as secretNameIndex } from '../../src/store/secrets.ts';
import { setTags } from '../../src/store/tags.ts';
import { day, makeVault, type TestVault } from './world.ts';

/** Where few are asked for they are sought by themselves, and where many are the page is: both find the same. */

let vault: TestVault;
let keys: ApiKey[];
let secrets: Secret[];
const count = 1_300;

const iso = (ms: number): string => new Date(ms).toISOString();

/** All pages, one after the other. */
const walk = async <T>(page: (cursor?: string) => Promise<{ items: T[]; next_cursor?: string }>): Promise<T[]> => {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, next_cursor: next } = await page(cursor);
    all.push(...items);
    cursor = next;
  } while (cursor !== undefined);
  return all;
};

const keysBy = (input: Input<'api-keys.list'>): Promise<ApiKey[]> =>
  walk((cursor) => vault.owner('api-keys.list', { ...input, ...(cursor === undefined ? {} : { cursor }) }));
const secretsBy = (input: Input<'secrets.list'>): Promise<Secret[]> =>
  walk((cursor) => vault.owner('secrets.list', { ...input, ...(cursor === undefined ? {} : { cursor }) }));

/** The rare ones stand where they are the first on no page, and the last on none. */
const tagsOf = (n: number): Record<string, string> => ({
  env: n % 2 === 0 ? 'prod' : 'staging',
  ...(n % 100 === 7 ? { rare: `${n % 3}` } : {}),
});

let dayOne: number;

/** A few end on each of the first days, many on the tenth, and some never. */
const endOf = (n: number): number | null => {
  const days = n % 100 < 3 ? 1 + (n % 100) : 10;
  return n % 10 === 9 ? null : dayOne + days * day;
};

/** Put in through the store, all at once: the calls for so many would take far longer than what is tested. */
const putIn = async (project_id: string, principals: readonly string[]): Promise<void> => {
  const { db, sealer } = vault.vault;
  const times = { created_at: dayOne, updated_at: dayOne };
  await db.tx('write', async (tx) => {
    const store = { db: tx, sealer };
    for (let n = 0; n < count; n++) {
      const name = `thing ${n}`;
      const tags = tagsOf(n);
      const clear = { project_id, expires_at: endOf(n), ...times };
      const key = {
        ...clear,
        principal_id: principals[n % 5 === 0 ? 0 : 1] ?? '',
        name_index: keyNameIndex(store, project_id, name),
        key_hash: sealer.keyHash(name),
        disabled_at: n % 50 === 19 ? dayOne : null,
        revoked_at: null,
        retires_at: null,
      };
      const secret = {
        ...clear,
        name_index: secretNameIndex(store, project_id, name),
        version: 0,
        created_by: null,
        updated_by: null,
      };
      const keyId = typeId(idPrefixes.apiKey, vault.world.newUuid());
      const secretId = typeId(idPrefixes.secret, vault.world.newUuid());
      await insertKey(store, keyId, key, { name, prefix: 'mbx_', suffix: 'abc', tags });
      await insertSecret(store, secretId, secret, { name, tags });
      for (const id of [keyId, secretId]) await setTags(store, project_id, id, tags);
    }
  });
};

beforeAll(async () => {
  vault = await makeVault();
  const { owner, clock } = vault;
  dayOne = clock.now;
  const made = await owner('principals.create', { name: 'one', role_ids: ['Viewer'] });
  const other = await owner('principals.create', { name: 'other', role_ids: ['Viewer'] });
  await putIn(made.project_id ?? '', [made.id, other.id]);
  for (let n = 0; n < count; n += 50) {
    await owner('api-keys.revoke', { id: `thing ${n + 12}` });
    await owner('api-keys.rotate', { id: `thing ${n + 29}`, grace_seconds: 12 * 86_400 });
  }
}, 120_000);
afterAll(() => vault.close());

const states = ['active', 'disabled', 'expired', 'retiring', 'revoked'] as const;
const tagSets = [['env:prod'], ['rare:*'], ['rare:1'], ['env:prod', 'rare:*'], ['env:*', 'rare:2']];

const hasTags = (own: Record<string, string> | undefined, wanted: readonly string[] | undefined): boolean =>
  (wanted ?? []).every((text) => {
    const [key = '', value] = text.split(':');
    return own?.[key] !== undefined && (value === '*' || own[key] === value);
  });

// On the third day a few have expired, and on the eleventh many.
describe.each([2.5, 10.5])('on day %d', (days) => {
  beforeAll(async () => {
    vault.clock.now = dayOne + days * day;
    keys = await keysBy({});
    secrets = await secretsBy({});
  });

  /** In days from the first. */
  const befores = [3.5, 9, 11, 30];

  test('of each kind there are some', () => {
    expect(keys.length).toBeGreaterThan(count);
    expect(secrets).toHaveLength(count);
    for (const state of states) expect(keys.filter((key) => key.state === state).length, state).toBeGreaterThan(2);
  });

  const inputs: Omit<Input<'api-keys.list'>, 'project'>[] = [undefined, ...states].flatMap((state) =>
    [undefined, ...tagSets].flatMap((tag) =>
      [undefined, 'one'].map((principal_id) => ({
        limit: 100,
        ...(state === undefined ? {} : { state }),
        ...(tag === undefined ? {} : { tag }),
        ...(principal_id === undefined ? {} : { principal_id }),
      })),
    ),
  );

  test('api keys are found as a plain search would find them', async () => {
    const one = (await vault.owner('principals.get', { id: 'one' })).id;
    for (const input of inputs) {
      for (const before of [undefined, ...befores]) {
        const end = before === undefined ? undefined : iso(dayOne + before * day);
        const expected = keys.filter(
          ({ state, tags, principal_id, expires_at }) =>
            (input.state === undefined ? end === undefined || state === 'active' : state === input.state) &&
            (end === undefined || (expires_at !== undefined && expires_at < end)) &&
            (input.principal_id === undefined || principal_id === one) &&
            hasTags(tags, input.tag),
        );
        const found = await keysBy({ ...input, ...(end === undefined ? {} : { expires_before: end }) });
        expect(
          found.map(({ id }) => id),
          JSON.stringify([input, before]),
        ).toEqual(expected.map(({ id }) => id));
      }
    }
  }, 120_000);

  test('secrets are found as a plain search would find them', async () => {
    for (const tag of [[], ...tagSets]) {
      for (const before of [undefined, ...befores]) {
        const end = before === undefined ? undefined : iso(dayOne + before * day);
        const expected = secrets.filter(
          ({ tags, expires_at }) =>
            (end === undefined || (expires_at !== undefined && expires_at < end)) && hasTags(tags, tag),
        );
        const found = await secretsBy({ tag, limit: 100, ...(end === undefined ? {} : { expires_before: end }) });
        expect(
          found.map(({ id }) => id),
          JSON.stringify([tag, before]),
        ).toEqual(expected.map(({ id }) => id));
      }
    }
  }, 120_000);
});
