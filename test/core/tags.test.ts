import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeVault, type TestVault } from './world.ts';

let vault: TestVault;
let projects = 0;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

type Tags = Record<string, string>;

/** Keys and values that run into one another: a colon may stand in both, and a star may be a value. */
const key = fc.constantFrom('a', 'a:b', 'a:*', 'A', '*');
const value = fc.constantFrom('', 'b', 'b:c', 'c', '*', 'c:*');
const tags = fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true });
const filter = fc.oneof(
  fc.tuple(key, value).map(([k, v]) => `${k}:${v}`),
  key.map((k) => `${k}:*`),
  fc.constantFrom('nothing:*', 'a:nothing'),
);

/** The filter as the contract says it: `K:V`, or `K:*` for every value; where a colon leaves a choice, all readings. */
const matches = (own: Tags, filters: readonly string[]): boolean =>
  filters.every((text) => {
    for (let colon = text.indexOf(':'); colon !== -1; colon = text.indexOf(':', colon + 1)) {
      const [k, v] = [text.slice(0, colon), text.slice(colon + 1)];
      if (Object.hasOwn(own, k) && (v === '*' || own[k] === v)) return true;
    }
    return false;
  });

/** By pages of two, each of which may end within what is found by more than one of its tags. */
const pages = async (
  list: (rest: { limit: number; cursor?: string }) => Promise<{ items: { name: string }[]; next_cursor?: string }>,
): Promise<string[]> => {
  const names: string[] = [];
  let rest: { limit: number; cursor?: string } = { limit: 2 };
  for (;;) {
    const { items, next_cursor: cursor } = await list(rest);
    names.push(...items.map(({ name }) => name));
    if (cursor === undefined) return names;
    rest = { limit: 2, cursor };
  }
};

const lists: Record<
  string,
  {
    make(project: string, name: string, tags: Tags): Promise<unknown>;
    find(project: string, tag: string[]): Promise<string[]>;
  }
> = {
  principals: {
    make: (project, name, own) => vault.owner('principals.create', { project, name, tags: own }),
    find: async (project, tag) =>
      (await vault.owner('principals.list', { project, tag })).items.map(({ name }) => name),
  },
  roles: {
    make: (project, name, own) =>
      vault.owner('roles.create', { project, name, tags: own, permissions: ['mobius.project.view'] }),
    find: async (project, tag) =>
      (await vault.owner('roles.list', { project, tag })).items
        .filter((role) => !role.system_defined)
        .map(({ name }) => name),
  },
  'api-keys': {
    make: async (project, name, own) => {
      await vault.owner('principals.create', { project, name: 'holder', role_ids: ['Viewer'] }).catch(() => undefined);
      return vault.owner('api-keys.create', { project, name, tags: own, principal_id: 'holder' });
    },
    find: (project, tag) => pages((rest) => vault.owner('api-keys.list', { project, tag, ...rest })),
  },
  secrets: {
    make: (project, name, own) =>
      vault.owner('secrets.create', { project, name, tags: own, values: { value: 'plainly fake' } }),
    find: (project, tag) => pages((rest) => vault.owner('secrets.list', { project, tag, ...rest })),
  },
};

describe.each(Object.entries(lists))('%s', (_, { make, find }) => {
  test('are found by their tags as a plain search would find them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(tags, { minLength: 1, maxLength: 5 }),
        fc.array(fc.uniqueArray(filter, { maxLength: 3 }), { minLength: 5, maxLength: 5 }),
        async (all, questions) => {
          const { handle: project } = await vault.owner('projects.create', { name: `tags ${++projects}` });
          for (const [i, own] of all.entries()) await make(project, `thing ${i}`, own);
          for (const filters of questions) {
            const expected = all.flatMap((own, i) => (matches(own, filters) ? [`thing ${i}`] : []));
            expect(await find(project, filters), filters.join(' ')).toEqual(expected);
          }
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);
});

test('two tags that read alike are two', async () => {
  const both = { 'a:b': 'c', a: 'b:c' };
  const made = await vault.owner('principals.create', { name: 'alike', tags: both });
  expect(made.tags).toEqual(both);
  for (const tag of ['a:b:c', 'a:*', 'a:b:*']) {
    expect(
      (await vault.owner('principals.list', { tag: [tag] })).items.map(({ name }) => name),
      tag,
    ).toEqual(['alike']);
  }
});

test('things that have two tags of one text are each found once, on pages that are full', async () => {
  const { handle: project } = await vault.owner('projects.create', { name: 'Twice' });
  const names = ['one', 'two', 'three', 'four', 'five'];
  for (const name of names) {
    await vault.owner('secrets.create', { project, name, tags: { 'a:b': 'c', a: 'b:c' }, values: { value: 'fake' } });
  }
  for (const tag of ['a:b:c', 'a:*', 'a:b:*']) {
    expect(await pages((rest) => vault.owner('secrets.list', { project, tag: [tag], ...rest })), tag).toEqual(names);
  }
});

test('new tags take the place of the old ones in what is found', async () => {
  await vault.owner('principals.create', { name: 'moving', tags: { home: 'here', kept: '1' } });
  const found = async (tag: string): Promise<number> =>
    (await vault.owner('principals.list', { tag: [tag] })).items.length;
  expect([await found('home:here'), await found('home:*')]).toEqual([1, 1]);
  await vault.owner('principals.update', { id: 'moving', tags: { home: 'there' } });
  expect([await found('home:here'), await found('home:there'), await found('kept:*')]).toEqual([0, 1, 0]);
  await vault.owner('principals.update', { id: 'moving', description: 'tags stay' });
  expect(await found('home:there')).toBe(1);
  const again = { home: 'there', more: '1' };
  const { id } = await vault.owner('principals.update', { id: 'moving', tags: again });
  expect([await found('home:there'), await found('more:1')]).toEqual([1, 1]);
  expect(vault.rows('select 1 from tags where resource_id = ?', id)).toHaveLength(2);
  await vault.owner('principals.update', { id: 'moving', tags: {} });
  expect(await found('home:*')).toBe(0);
});

test('a tag of one project finds nothing in another', async () => {
  await vault.owner('projects.create', { name: 'Apart' });
  await vault.owner('principals.create', { name: 'here', tags: { secret: 'word' } });
  expect((await vault.owner('principals.list', { project: 'apart', tag: ['secret:word'] })).items).toEqual([]);
});
