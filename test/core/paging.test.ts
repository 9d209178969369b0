import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, makeVault, type TestVault } from './world.ts';

let vault: TestVault;
let projects = 0;
let names = 0;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

interface Listed {
  items: { id: string }[];
  has_more: boolean;
  next_cursor?: string;
}
interface Pages {
  make(project: string): Promise<string>;
  remove?(project: string, id: string): Promise<unknown>;
  list(input: { project: string; limit: number; cursor?: string }): Promise<Listed>;
}

const nouns: Record<string, Pages> = {
  'api-keys.list': {
    make: async (project) =>
      (await vault.owner('api-keys.create', { project, name: `key ${++names}`, principal_id: 'holder' })).id,
    list: (input) => vault.owner('api-keys.list', input),
  },
  'roles.list': {
    make: async (project) =>
      (await vault.owner('roles.create', { project, name: `role ${++names}`, permissions: ['mobius.project.view'] }))
        .id,
    remove: (project, id) => vault.owner('roles.delete', { project, id }),
    list: (input) => vault.owner('roles.list', input),
  },
  'rotations.list': {
    make: async (project) => {
      const { id } = await vault.owner('api-keys.create', { project, name: `key ${++names}`, principal_id: 'holder' });
      const { rotation } = await vault.owner('rotations.start', {
        project,
        subject: `api-keys/${id}`,
        holder: 'a test',
      });
      return rotation?.id ?? '';
    },
    remove: (project, rotation) => vault.owner('rotations.abort', { project, rotation, take_over: true }),
    list: (input) => vault.owner('rotations.list', input),
  },
};

/** What happens between one page and the next. */
const events = fc.array(fc.tuple(fc.nat(3), fc.array(fc.nat(), { maxLength: 2 })), { minLength: 8, maxLength: 8 });

describe.each(Object.entries(nouns))('%s', (_, { make, remove, list }) => {
  test('every limit walks all that was there from beginning to end exactly once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(9), fc.integer({ min: 1, max: 4 }), events, async (count, limit, between) => {
        const { handle: project } = await vault.owner('projects.create', { name: `paging ${++projects}` });
        await vault.owner('principals.create', { project, name: 'holder', role_ids: ['Viewer'] });
        const system = (await list({ project, limit: 200 })).items.map(({ id }) => id);
        const own: string[] = [];
        for (let i = 0; i < count; i++) own.push(await make(project));
        const stayed = new Set([...system, ...own]);
        const made = new Set(stayed);

        const seen: string[] = [];
        let cursor: string | undefined;
        for (let page = 0; ; page++) {
          const { items, has_more, next_cursor } = await list({
            project,
            limit,
            ...(cursor === undefined ? {} : { cursor }),
          });
          expect(items.length).toBeLessThanOrEqual(limit);
          expect(next_cursor !== undefined).toBe(has_more);
          if (has_more) expect(items).toHaveLength(limit);
          seen.push(...items.map(({ id }) => id));
          expect(seen).toEqual([...new Set(seen)].sort());
          if (!has_more) break;
          cursor = next_cursor;
          const [more, gone] = between[page % between.length] ?? [0, []];
          // Made forever, there would always be a next page.
          for (let i = 0; i < more && made.size < 30; i++) {
            const id = await make(project);
            made.add(id);
            own.push(id);
          }
          for (const which of remove === undefined ? [] : gone) {
            const [id] = own.splice(which % Math.max(own.length, 1), 1);
            if (id === undefined) continue;
            await remove?.(project, id);
            stayed.delete(id);
          }
        }
        expect(seen.filter((id) => !made.has(id))).toEqual([]);
        expect([...stayed].filter((id) => !seen.includes(id))).toEqual([]);
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  test('a page that ends with the last item says so', async () => {
    const { handle: project } = await vault.owner('projects.create', { name: `paging ${++projects}` });
    await vault.owner('principals.create', { project, name: 'holder', role_ids: ['Viewer'] });
    for (let i = 0; i < 4; i++) await make(project);
    const all = (await list({ project, limit: 200 })).items;
    expect(await list({ project, limit: all.length })).toEqual({ items: all, has_more: false });
    const first = await list({ project, limit: all.length - 1 });
    expect(first).toMatchObject({ items: all.slice(0, -1), has_more: true });
    const cursor = first.next_cursor ?? '';
    expect(await list({ project, limit: 1, cursor })).toEqual({ items: all.slice(-1), has_more: false });
  });
});

test('a filter and pages go together', async () => {
  const { handle: project } = await vault.owner('projects.create', { name: `paging ${++projects}` });
  const holder: Client = await vault.client('holder', ['Viewer'], project);
  const marked: string[] = [];
  for (let i = 0; i < 10; i++) {
    const tags = i % 3 === 0 ? { marked: `${i}` } : {};
    const { id } = await vault.owner('api-keys.create', {
      project,
      name: `k${i}`,
      principal_id: holder.principal.id,
      tags,
    });
    if (i % 3 === 0) marked.push(id);
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await vault.owner('api-keys.list', {
      project,
      limit: 1,
      tag: ['marked:*'],
      state: 'active',
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== undefined && seen.length <= marked.length);
  expect(seen).toEqual(marked);
});
