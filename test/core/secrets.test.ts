import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { loadSodium } from '../../src/crypto.ts';
import type { Call } from '../../src/operations.ts';
import { type Used, useSecrets, type Wanted } from '../../src/use/resolve.ts';
import { entries, faultsOf, storedEntries } from './chain.ts';
import { day, expectRefused, makeVault, minute, outcome, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeEach(async () => {
  vault = await makeVault();
});
afterEach(() => vault.close());

const used = (wanted: Partial<Wanted>, call: Call = vault.owner, project = 'default'): Promise<Used> =>
  useSecrets(async () => ({ call, project, close: async () => undefined }), { texts: {}, secrets: [], ...wanted });

const value = async (reference: string, call?: Call): Promise<string | undefined> =>
  (await used({ texts: { it: `\${secret:${reference}}` } }, call)).texts.it;

const states = async (secret: string): Promise<string> => {
  const { items } = await vault.owner('secrets.list-versions', { secret });
  return items.map(({ version, state }) => `${version} ${state}`).join(', ');
};

const create = (name: string, values: Record<string, string>) => vault.owner('secrets.create', { name, values });

describe('canonical JSON', () => {
  test('is that of RFC 8785 for whatever a value may be', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.dictionary(text, text), (values) => {
        const spelled = canonicalJson(values);
        expect(JSON.parse(spelled)).toEqual({ ...values });
        const keys = Object.keys(values).sort();
        expect(spelled).toBe(
          `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(values[key])}`).join(',')}}`,
        );
      }),
    );
  });

  test('sorts by UTF-16 units, not by code points', () => {
    expect(canonicalJson({ '\ufb33': 'b', '\u{1f600}': 'a' })).toBe('{"\u{1f600}":"a","\ufb33":"b"}');
  });

  test('escapes what the RFC escapes, and nothing else', () => {
    expect(canonicalJson({ a: '\u0000\b\t\n\f\r\u001f"\\/\u007f\u2028€' })).toBe(
      '{"a":"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u007f\u2028€"}',
    );
  });
});

describe('versions', () => {
  test('have no gap and one in use, whatever is done', async () => {
    await create('a', { k: '1' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            verb: fc.constantFrom('update', 'stage', 'enable', 'disable', 'destroy', 'rollback'),
            n: fc.integer({ min: 1, max: 12 }),
            text: fc.constantFrom('1', '2', '3'),
          }),
          { maxLength: 12 },
        ),
        async (steps) => {
          for (const { verb, n: version, text } of steps) {
            const secret = 'a';
            if (verb === 'update') await vault.owner('secrets.update', { secret, values: { k: text } });
            else if (verb === 'stage')
              await vault.owner('secrets.update', { secret, values: { k: text }, stage: true });
            else if (verb === 'rollback') await outcome(vault.owner('secrets.rollback', { secret, version }));
            else {
              const name = `secrets.${verb as 'enable'}-version` as const;
              await outcome(vault.owner(name, { secret, version }));
            }
          }
          const { items } = await vault.owner('secrets.list-versions', { secret: 'a' });
          expect(items.map(({ version }) => version)).toEqual(items.map((_, at) => items.length - at));
          expect(items.filter(({ state }) => state === 'ENABLED').length).toBeLessThanOrEqual(1);
          const { version, enabled_version: enabled } = await vault.owner('secrets.get', { secret: 'a' });
          expect(version).toBe(items.length);
          expect(enabled).toBe(items.find(({ state }) => state === 'ENABLED')?.version);
        },
      ),
      { numRuns: 30 },
    );
    expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);
  });

  test('the engine itself refuses a second one in use', async () => {
    await create('a', { k: '1' });
    await vault.owner('secrets.update', { secret: 'a', values: { k: '2' } });
    expect(() => vault.edit((file) => file.exec("update secret_versions set state = 'ENABLED'"))).toThrow('UNIQUE');
  });

  test('a change of the state in the file is damage, never another value', async () => {
    await create('a', { k: '1' });
    await vault.owner('secrets.update', { secret: 'a', values: { k: '2' } });
    vault.edit((file) => {
      file.exec("update secret_versions set state = 'DISABLED' where version = 2");
      file.exec("update secret_versions set state = 'ENABLED' where version = 1");
    });
    expect((await refusal(value('a.k'))).code).toBe('damaged');
  });

  test('values that were put in the place of others are damage', async () => {
    await create('a', { k: 'of a' });
    await create('b', { k: 'of b' });
    vault.edit((file) => {
      const [first, second] = file.prepare('select version_id, sealed from secret_values').all() as {
        version_id: string;
        sealed: Buffer;
      }[];
      const swap = file.prepare('update secret_values set sealed = ? where version_id = ?');
      swap.run(second?.sealed, first?.version_id);
      swap.run(first?.sealed, second?.version_id);
    });
    expect((await refusal(value('a.k'))).code).toBe('damaged');
    expect((await refusal(value('b.k'))).code).toBe('damaged');
  });

  test('what is staged can be used by nobody', async () => {
    await create('a', { k: '1' });
    await vault.owner('secrets.update', { secret: 'a', values: { k: '2' }, stage: true });
    expect(await value('a.k')).toBe('1');
    expect(await refusal(value('a@2.k'))).toMatchObject({ code: 'conflict', details: { version: 1 } });
    await vault.owner('secrets.enable-version', { secret: 'a', version: 2 });
    expect(await value('a@2.k')).toBe('2');
  });

  test('max_versions keeps the one in use and what is staged', async () => {
    await vault.owner('secrets.create', { name: 'a', values: { k: '1' }, max_versions: 2 });
    for (const k of ['2', '3', '4']) await vault.owner('secrets.update', { secret: 'a', values: { k } });
    expect(await states('a')).toBe('4 ENABLED, 3 DISABLED, 2 DESTROYED, 1 DESTROYED');
    await vault.owner('secrets.update', { secret: 'a', values: { k: '5' }, stage: true });
    await vault.owner('secrets.update', { secret: 'a', values: { k: '6' }, stage: true });
    expect(await states('a')).toBe('6 DISABLED, 5 DISABLED, 4 ENABLED, 3 DESTROYED, 2 DESTROYED, 1 DESTROYED');
  });

  test('destroy_after counts from when a version went out of use, and leaves an audit row', async () => {
    await vault.owner('secrets.create', { name: 'a', values: { k: '1' }, destroy_after_seconds: 86_400 });
    await vault.owner('secrets.update', { secret: 'a', values: { k: '2' } });
    vault.clock.now += day - minute;
    await vault.core.settle();
    expect(await states('a')).toBe('2 ENABLED, 1 DISABLED');
    expect((await outcome(vault.owner('secrets.rollback', { secret: 'a', version: 1 }))).code).toBeUndefined();
    expect(await states('a')).toBe('3 ENABLED, 2 DISABLED, 1 DISABLED');
    vault.clock.now += minute;
    expect((await refusal(vault.owner('secrets.enable-version', { secret: 'a', version: 1 }))).code).toBe('conflict');
    expect((await refusal(vault.owner('secrets.rollback', { secret: 'a', version: 1 }))).code).toBe('conflict');
    await vault.core.settle();
    expect(await states('a')).toBe('3 ENABLED, 2 DISABLED, 1 DESTROYED');
    expect(vault.rows("select * from audit_log where action = 'secrets.destroy-version'")).toHaveLength(1);
    expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);
  });

  test('what was destroyed is in no byte of the file or its log', async () => {
    const { id } = await create('a', { k: 'x'.repeat(3_000) });
    const sealed = vault.rows<{ sealed: Buffer }>('select sealed from secret_values')[0]?.sealed;
    const middle = sealed?.subarray(1_000, 1_100) ?? Buffer.alloc(0);
    const files = (): Buffer =>
      Buffer.concat([vault.path, `${vault.path}-wal`].map((path) => readFileSync(path, { flag: 'a+' })));
    expect(files().includes(middle)).toBe(true);
    const local = await vault.open();
    await local.call('secrets.destroy-version', { secret: id, version: 1 });
    await local.close();
    expect(files().includes(middle)).toBe(false);
    expect(vault.rows('select * from secret_values')).toEqual([]);
  });
});

describe('writing', () => {
  test('of two at once with if_version one wins and the other is refused', async () => {
    await create('a', { k: '1' });
    const one = await vault.open();
    const other = await vault.open();
    const update = (call: Call, k: string) =>
      outcome(call('secrets.update', { secret: 'a', values: { k }, if_version: 1 }));
    const codes = (await Promise.all([update(one.call, '2'), update(other.call, '3')])).map(({ code }) => code);
    expect(codes.sort()).toEqual(['conflict', undefined]);
  });

  test.each([
    ['no values', {}],
    ['a number', { k: 1 }],
    ['an empty key', { '': 'x' }],
    ['the key that stands for all', { '*': 'x' }],
    ['a key that could be read as all of another secret', { 'b.*': 'x' }],
    ['more than 1 MiB', { k: 'x'.repeat(2 ** 20 + 1) }],
    ['more than 1 MiB of UTF-8', { k: 'é'.repeat(2 ** 19 + 1) }],
    ['half a surrogate pair', { k: '\ud800' }],
    ['half a pair in a key', { '\udc00': 'x' }],
    ['too many keys', Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`k${at}`, 'x']))],
    [
      'more than 16 MiB together',
      Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, 'x'.repeat(2 ** 20)])),
    ],
  ])('refuses %s, and says no value', async (_, values) => {
    const error = await expectRefused(
      vault,
      () => vault.owner('secrets.create', { name: 'a', values: values as never }),
      'invalid_input',
    );
    expect(error.message.length).toBeLessThan(200);
    expect(error.message).not.toContain('xxx');
  });

  test.each([1, 2 ** 20])('takes a value of %i bytes to the byte', async (length) => {
    const k = 'x'.repeat(length);
    await create('a', { k });
    expect(await value('a.k')).toBe(k);
  });

  test('keys that every object has are keys like others', async () => {
    await create('a', { toString: 'one', constructor: 'two' });
    expect(await value('a.toString')).toBe('one');
    await vault.owner('secrets.update', { secret: 'a', unset: ['toString'] });
    expect((await refusal(value('a.toString'))).code).toBe('not_found');
    expect((await refusal(vault.owner('secrets.update', { secret: 'a', unset: ['toString'] }))).code).toBe('not_found');
    const changed = entries(vault).at(-1)?.plain.changes;
    expect(changed).toEqual({ version: 2, changed_keys: ['toString'] });
  });

  test('any text comes out as it went in', async () => {
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (k) => {
        await create(`s${++n}`, { k });
        expect(await value(`s${n}.k`)).toBe(k);
      }),
      { numRuns: 40 },
    );
  });

  test('a pattern is found in time, whatever it is', async () => {
    await create('a'.repeat(120), { k: 'x' });
    const list = async (match: string) => (await vault.owner('secrets.list', { match })).items.length;
    expect(await list(`${'*a'.repeat(60)}*b`)).toBe(0);
    expect(await list(`${'*a'.repeat(60)}*`)).toBe(1);
    expect(await list(`${'?'.repeat(119)}*`)).toBe(1);
    expect(await list('?'.repeat(119))).toBe(0);
    expect(await list('a*')).toBe(1);
    expect(await list('.*')).toBe(0);
  });

  test('a guess that was right is on record', async () => {
    await create('a', { k: 'right' });
    const before = entries(vault).length;
    await vault.owner('secrets.update', { secret: 'a', values: { k: 'right' }, stage: true });
    expect(entries(vault).at(before)?.plain.changes).toEqual({ unchanged: true });
  });

  test('the audit log learns which keys changed, and no value', async () => {
    await create('a', { same: 'canary-1', changed: 'canary-2', gone: 'canary-3' });
    await vault.owner('secrets.update', { secret: 'a', values: { same: 'canary-1', changed: 'canary-4', fresh: '' } });
    const said = entries(vault).map(({ plain }) => plain);
    expect(said.at(-1)?.changes).toEqual({ version: 2, changed_keys: ['changed', 'fresh', 'gone'] });
    expect(JSON.stringify(said)).not.toContain('canary');
  });
});

describe('use', () => {
  beforeEach(async () => {
    await create('openai', { api_key: 'sk-fake', 'with.dot': 'dotted' });
  });

  test('is a permission of its own, and viewing or managing is not it', async () => {
    await vault.owner('roles.create', {
      name: 'manage',
      permissions: ['mobius.secrets.manage', 'mobius.secrets.view'],
    });
    await vault.owner('roles.create', { name: 'use', permissions: ['mobius.secrets.use'] });
    const manager = await vault.client('manager', ['manage']);
    const user = await vault.client('user', ['use']);
    expect(await refusal(value('openai.api_key', manager.call))).toMatchObject({
      code: 'permission_denied',
      details: { permission: 'mobius.secrets.use' },
    });
    expect(await value('openai.api_key', user.call)).toBe('sk-fake');
    expect((await refusal(user.call('secrets.get', { secret: 'openai' }))).code).toBe('permission_denied');
    expect((await refusal(user.call('secrets.update', { secret: 'openai', values: { k: 'v' } }))).code).toBe(
      'permission_denied',
    );
  });

  test('answers nothing that can be read without the one-time key', async () => {
    const recipient = Buffer.alloc(32, 9).toString('base64');
    const answer = await vault.owner('secrets.use', { references: ['openai.api_key'], recipient });
    expect(Object.keys(answer).sort()).toEqual(['request_id', 'sealed']);
    expect(Buffer.from(answer.sealed, 'base64').includes('sk-fake')).toBe(false);
  });

  test('leaves one audit row that names every reference', async () => {
    const before = entries(vault).length;
    await used({ texts: { a: '${secret:openai.api_key}${secret:openai.with.dot}' }, secrets: ['openai@1'] });
    const after = entries(vault);
    expect(after).toHaveLength(before + 1);
    const changes = after.at(-1)?.plain.changes as { references: { reference: string; version: number }[] };
    expect(changes.references.map(({ reference, version }) => `${reference} ${version}`)).toEqual([
      'openai.api_key 1',
      'openai.with.dot 1',
      'openai@1.* 1',
    ]);
    expect(JSON.stringify(after)).not.toContain('sk-fake');
  });

  test.each([
    ['nothing.key', 'not_found'],
    ['openai.nothing', 'not_found'],
    ['openai', 'invalid_input'],
    ['openai@2.api_key', 'conflict'],
    ['openai@0.api_key', 'not_found'],
    ['.api_key', 'not_found'],
    ['openai.', 'not_found'],
    ['openai.toString', 'not_found'],
    ['openai.__proto__', 'not_found'],
    ['openai.constructor', 'not_found'],
    ['openai.*', 'usage'],
  ])('refuses "%s" with %s, and answers none of the others', async (reference, code) => {
    const before = vault.state();
    expect((await refusal(used({ texts: { a: `\${secret:openai.api_key} \${secret:${reference}}` } }))).code).toBe(
      code,
    );
    expect(vault.state()).toEqual(before);
  });

  test('a reference that can be read in two ways is refused', async () => {
    await create('a', { 'b.c': 'one' });
    expect(await value('a.b.c')).toBe('one');
    await create('a.b', { c: 'two' });
    expect(await refusal(value('a.b.c'))).toMatchObject({ code: 'conflict', details: { reason: 'ambiguous' } });
    expect(await value('a.b@1.c')).toBe('two');
    expect(await value('a@1.b.c')).toBe('one');
  });

  test('a secret without a version in use says so, unless another is meant', async () => {
    await create('a.b', { c: 'meant' });
    await create('a', { k: 'x' });
    await vault.owner('secrets.disable-version', { secret: 'a', version: 1 });
    expect(await value('a.b.c')).toBe('meant');
    expect(await refusal(value('a.k'))).toMatchObject({ code: 'conflict', details: { reason: 'none_enabled' } });
    // One that is out of use is not stood in for by another that could be read the same way.
    await create('x', { 'y.z': 'other' });
    await create('x.y', { z: 'meant' });
    await vault.owner('secrets.disable-version', { secret: 'x.y', version: 1 });
    expect(await refusal(value('x.y.z'))).toMatchObject({ code: 'conflict', details: { reason: 'ambiguous' } });
  });

  test('a key of no curve is refused', async () => {
    const recipient = Buffer.alloc(32).toString('base64');
    const call = vault.owner('secrets.use', { references: ['openai.api_key'], recipient });
    expect((await refusal(call)).code).toBe('invalid_input');
  });

  /** A server between that changes what it hands on. */
  const through =
    (
      change: (answer: Record<string, unknown>, at: { sodium: Awaited<ReturnType<typeof loadSodium>> }) => unknown,
    ): Call =>
    async (name, input, options) => {
      const sodium = await loadSodium();
      const own = sodium.boxKeys();
      const asked = input as { recipient: string };
      const recipient = Buffer.from(own.publicKey).toString('base64');
      const output = await vault.owner(name, { ...input, recipient } as never, options);
      const { sealed, request_id } = output as unknown as { sealed: string; request_id: string };
      const plain = sodium.boxOpen(new Uint8Array(Buffer.from(sealed, 'base64')), own) as Uint8Array;
      const answer = { ...JSON.parse(Buffer.from(plain).toString()), recipient: asked.recipient };
      const changed = Buffer.from(JSON.stringify(change(answer, { sodium })));
      const again = sodium.boxSeal(changed, new Uint8Array(Buffer.from(asked.recipient, 'base64'))) as Uint8Array;
      return { request_id, sealed: Buffer.from(again).toString('base64') } as never;
    };

  test.each([
    ['nothing', (answer: object) => answer, undefined],
    ['the recipient', (answer: object) => ({ ...answer, recipient: 'another' }), 'service_unavailable'],
    ['the request', (answer: object) => ({ ...answer, request_id: 'another' }), 'service_unavailable'],
    ['the project', (answer: object) => ({ ...answer, project: 'other' }), 'service_unavailable'],
    ['its values, to none', (answer: object) => ({ ...answer, values: [] }), 'service_unavailable'],
    [
      'the key behind a reference',
      (answer: { values: object[] }) => ({ ...answer, values: answer.values.map((one) => ({ ...one, key: 'other' })) }),
      'service_unavailable',
    ],
    [
      'the version behind a reference that asserts one',
      (answer: { values: object[] }) => ({ ...answer, values: answer.values.map((one) => ({ ...one, version: 7 })) }),
      'service_unavailable',
    ],
  ] as [string, (answer: object) => unknown, string | undefined][])(
    'an answer that changed %s is taken or refused as it should be',
    async (_, change, code) => {
      expect((await outcome(value('openai@1.api_key', through(change as never)))).code).toBe(code);
    },
  );

  test('a value that looks like a reference is not looked at again', async () => {
    await create('a', { k: '${secret:openai.api_key}' });
    expect(await value('a.k')).toBe('${secret:openai.api_key}');
  });

  test('texts without references open nothing', async () => {
    const wanted = { texts: { a: 'plain $${secret:openai.api_key} $x' }, secrets: [] };
    const answer = await useSecrets(() => Promise.reject(new Error('opened')), wanted);
    expect(answer).toEqual({ texts: { a: 'plain ${secret:openai.api_key} $x' }, secrets: {}, values: [] });
  });

  test.each(['${secret:', '${secret:}', '${secret:a.b', '${secret:a\n.b}', `\${secret:${'x'.repeat(513)}.k}`])(
    'refuses the torn reference %j before anything is asked',
    async (text) => {
      const error = await refusal(
        useSecrets(() => Promise.reject(new Error('opened')), { texts: { a: text }, secrets: [] }),
      );
      expect(error.code).toBe('usage');
    },
  );
});

test('who looks for one name among many keeps nobody else waiting', async () => {
  for (let n = 0; n < 450; n++) await create(`db/${n}`, { k: '1' });
  const done: string[] = [];
  const noting = async (name: string, work: Promise<unknown>): Promise<void> => {
    await work;
    done.push(name);
  };
  const turn = new Promise((resolve) => setImmediate(resolve));
  const listed = vault.owner('secrets.list', { match: 'db/4*9' });
  const others = [
    noting('a turn of others', turn),
    noting('another call', vault.owner('secrets.get', { secret: 'db/7' })),
  ];
  await Promise.all([noting('the list', listed), ...others]);
  expect(done.at(-1)).toBe('the list');
  const names = (await listed).items.map(({ name }) => name);
  expect(names).toEqual(['db/49', 'db/409', 'db/419', 'db/429', 'db/439', 'db/449']);
});
