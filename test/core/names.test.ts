import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { name as format } from '../../src/formats.ts';
import { makeVault, outcome, type TestVault } from './world.ts';

let vault: TestVault;
let projects = 0;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const fresh = async (): Promise<string> =>
  (await vault.owner('projects.create', { name: `names ${++projects}` })).handle;

/** Names that are close to one another: case, composed and decomposed, what SQL and JSON care about. */
const tricky = fc.constantFrom(
  'ci',
  'CI',
  'Ci',
  'cI',
  'é',
  'e\u0301',
  'É',
  "o'x",
  'o"x',
  'a%',
  'a_',
  'a/b',
  'a.b',
  'null',
  '0',
  '日本',
  '😀',
);
const someName = fc
  .oneof(
    { weight: 3, arbitrary: tricky },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }) },
  )
  .filter((text) => format(text) === undefined);

test('a principal and a key are found by exactly their name, and differ from every other spelling', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(someName, { minLength: 1, maxLength: 6 }), someName, async (names, other) => {
      const project = await fresh();
      const ids = new Map<string, { principal: string; key: string }>();
      for (const name of names) {
        const made = await vault.owner('principals.create', { project, name, role_ids: ['Viewer'], with_key: {} });
        expect(made.name).toBe(name);
        ids.set(name, { principal: made.id, key: made.api_key?.id ?? '' });
      }
      for (const [name, { principal, key }] of ids) {
        expect((await vault.owner('principals.get', { project, id: name })).id).toBe(principal);
        expect((await vault.owner('api-keys.get', { project, id: name })).id).toBe(key);
        expect((await outcome(vault.owner('principals.create', { project, name }))).code).toBe('already_exists');
      }
      const found = await outcome(vault.owner('principals.get', { project, id: other }));
      expect(found.code).toBe(ids.has(other) ? undefined : 'not_found');
    }),
    { numRuns: 25 },
  );
}, 60_000);

test('a role is found whatever the case of its name, and two names in one case are one', async () => {
  const plain = fc.string({
    unit: fc.constantFrom('a', 'B', 'k', 'é', 'Ö', 'я', 'Ж', '-', '1'),
    minLength: 1,
    maxLength: 8,
  });
  const recased = (name: string, bits: number): string =>
    [...name].map((one, i) => ((bits >> i) & 1 ? one.toUpperCase() : one.toLowerCase())).join('');
  await fc.assert(
    fc.asyncProperty(plain, fc.nat(255), fc.nat(255), fc.boolean(), async (name, first, second, decomposed) => {
      const project = await fresh();
      const spelled = recased(name, first).normalize(decomposed ? 'NFD' : 'NFC');
      const made = await vault.owner('roles.create', { project, name: spelled, permissions: ['mobius.project.view'] });
      expect(made.name).toBe(spelled);
      const other = recased(name, second);
      expect(await vault.owner('roles.get', { project, id: other })).toEqual(made);
      const again = vault.owner('roles.create', { project, name: other, permissions: ['mobius.project.view'] });
      expect((await outcome(again)).code).toBe('already_exists');
    }),
    { numRuns: 40 },
  );
}, 60_000);

test('what has the shape of an id is looked up as an id alone', async () => {
  const project = await fresh();
  const { id } = await vault.owner('principals.create', { project, name: 'one' });
  for (const name of [id.toUpperCase(), `${id}0`, id.slice(0, -1), ` ${id}`.trim().replace('_', '-')]) {
    const made = await vault.owner('principals.create', { project, name });
    expect((await vault.owner('principals.get', { project, id: name })).id).toBe(made.id);
  }
  expect((await vault.owner('principals.get', { project, id })).name).toBe('one');
});
