import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { presets } from '../../src/core/catalogue.ts';
import { formatKey } from '../../src/core/key-format.ts';
import { operations } from '../../src/generated/operations.ts';
import type { Call, Input, Name, Operation } from '../../src/operations.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { inline, type Schema } from '../../src/tools/schema.ts';
import { type Client, day, expectRefused, makeVault, minute, refusal, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const { models, operations: described } = readSchemas('schemas');

/** Some value that the schema takes, made from the schema alone, so that an operation added later is covered too. */
const someValue = (schema: Schema): unknown => {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'object') {
    return schema.minProperties === 1 ? { key: 'some-thing' } : someInput(schema);
  }
  if (schema.type === 'array') return [someValue(schema.items ?? {})];
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  if (schema.type === 'boolean') return false;
  return byFormat[schema.format ?? ''] ?? 'some-thing'.padEnd(Number(schema.minLength ?? 0), '.');
};
const byFormat: Readonly<Record<string, string>> = {
  email: 'ada@example.test',
  permission: 'mobius.project.view',
  uuid: '019b1bc8-f400-7000-8000-000000000001',
  version: 'latest',
  'rotation-subject': 'api-keys/some-thing',
  'box-key': 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=',
};
const someInput = ({ required = [], properties = {} }: Schema): object =>
  Object.fromEntries(required.map((name) => [name, someValue(properties[name] ?? {})]));

const inputOf = (name: Name): Input<Name> => {
  const schema = described.find((one) => one.name === name)?.input;
  if (schema === undefined) throw new Error(`no schema for ${name}`);
  return someInput(inline(schema, models)) as Input<Name>;
};

/** What a role carries, said another way than the product says it. */
const allows = (held: readonly string[], wanted: string): boolean =>
  held.some((one) => new RegExp(`^${one.replace(/[.]/g, '\\.').replace(/\*$/, '.+')}$`).test(wanted));

/** What is for everybody has no credential that could be refused. */
const names = (Object.keys(operations) as Name[]).filter((name) => operations[name].scope !== 'public');
/** What asks itself, for it depends on what it is about, or on who asks. */
const ofItself: { readonly [K in Name]?: string } = {
  'rotations.start': 'mobius.keys.issue',
  'rotations.set': 'mobius.keys.issue',
  'rotations.unset': 'mobius.keys.issue',
};
const wanted = (name: Name): Operation => ({ permission: ofItself[name], ...operations[name] }) as Operation;
const mayCall = (permissions: readonly string[], { scope, permission, interactive }: Operation): boolean =>
  scope !== 'vault' && interactive !== true && (permission === undefined || allows(permissions, permission));
const forOthers = (name: Name): boolean => operations[name].scope === 'vault' || operations[name].interactive === true;

describe.each(presets)('a key with the role $label', ({ label, permissions }) => {
  let client: Client;
  beforeAll(async () => {
    client = await vault.client(`client ${label}`, [label]);
  });

  test.each(names.filter((name) => mayCall(permissions, wanted(name))))('may call %s', async (name) => {
    const error = await client.call(name, inputOf(name)).catch((fault) => fault);
    expect(['unauthorized', 'permission_denied', 'forbidden']).not.toContain(error?.code);
  });

  test.each(names.filter((name) => !mayCall(permissions, wanted(name))))('may not call %s', async (name) => {
    const { permission, scope, interactive } = wanted(name);
    const code = interactive === true ? 'forbidden' : 'permission_denied';
    const error = await expectRefused(vault, () => client.call(name, inputOf(name)), code);
    if (interactive === true) {
      expect(error.message).toBe("this needs a person who is logged in: an API key can't do it");
    } else if (scope === 'vault') {
      expect(error.message).toBe('only the owner of the vault or an administrator may do this');
      expect(error.details).toEqual({ permission });
    } else {
      const carriers = presets.filter((preset) => allows(preset.permissions, permission ?? ''));
      expect(error.message).toBe(`this needs the permission "${permission}" in project "default"`);
      expect(error.details).toEqual({ permission, roles: carriers.map((preset) => preset.label) });
      expect(error.hint).toContain(`roles that carry it: ${carriers.map((preset) => preset.label).join(', ')};`);
    }
  });
});

test('the table above refuses and allows in every role but Owner', () => {
  const allowed = presets.map(({ permissions }) => names.filter((name) => mayCall(permissions, wanted(name))).length);
  const vaultOnly = names.filter(forOthers).length;
  expect(allowed).toEqual([names.length - vaultOnly, names.length - vaultOnly, ...allowed.slice(2)]);
  for (const count of allowed.slice(2)) {
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(names.length - vaultOnly);
  }
});

test('a role of one’s own that carries the permission is named, those of other projects are not', async () => {
  await vault.owner('projects.create', { name: 'Elsewhere' });
  const permissions = ['mobius.keys.*', 'mobius.access.manage'];
  await vault.owner('roles.create', { name: 'keymaster', permissions });
  await vault.owner('roles.create', { name: 'elsewhere', permissions, project: 'elsewhere' });
  const { call } = await vault.client('reader', ['Viewer']);
  const error = await refusal(call('api-keys.create', { name: 'k', principal_id: 'reader' }));
  expect(error.details.roles).toEqual(['Owner', 'Admin', 'Operator', 'keymaster']);
});

describe('a credential that does not work', () => {
  /** Every operation with every one of them: the same words, whatever is wrong. */
  const refusedEverywhere = async (call: Call, project?: string): Promise<void> => {
    const before = vault.state();
    for (const name of names) {
      const named = project !== undefined && operations[name].scope === 'project' ? { project } : {};
      const { code, message, details } = await refusal(call(name, { ...inputOf(name), ...named }));
      expect([name, code, message, details]).toEqual([name, 'unauthorized', 'the API key was not accepted', {}]);
    }
    expect(vault.state()).toEqual(before);
  };

  test('unknown', () => refusedEverywhere(vault.as(formatKey('mbx_', new Uint8Array(32)))));

  test('of another vault', async () => {
    const other = await makeVault();
    try {
      await refusedEverywhere(vault.as((await other.client('stranger', ['Owner'])).key));
    } finally {
      await other.close();
    }
  });

  test.each(['', ' ', 'mbx_', 'mbx_short', 'Bearer', '\0', '.default', 'x'.repeat(100_000)])(
    'malformed: "%.20s"',
    (text) => refusedEverywhere(vault.as(text)),
  );

  test('mistyped in one character, padded or cut', async () => {
    const { key } = await vault.client('typist', ['Owner']);
    const typo = `${key.slice(0, 10)}${key[10] === 'a' ? 'b' : 'a'}${key.slice(11)}`;
    for (const text of [
      typo,
      ` ${key}`,
      `${key} `,
      `${key}\n`,
      key.slice(0, -1),
      key.toLowerCase(),
      `${key}.`,
      `${key}.default.default`,
    ]) {
      const error = await expectRefused(vault, () => vault.as(text)('auth.whoami', {}), 'unauthorized');
      expect(error.message).toBe('the API key was not accepted');
    }
    expect(await vault.as(`${key}.default`)('auth.whoami', {})).toMatchObject({ name: 'typist' });
  });

  test('revoked', async () => {
    const { call, keyId } = await vault.client('revoked', ['Owner']);
    await vault.owner('api-keys.revoke', { id: keyId });
    await refusedEverywhere(call);
  });

  test('expired', async () => {
    const expires_at = new Date(vault.clock.now + minute).toISOString();
    await vault.owner('principals.create', { name: 'expiring', role_ids: ['Owner'] });
    const { key } = await vault.owner('api-keys.create', { name: 'expiring', principal_id: 'expiring', expires_at });
    vault.clock.now += minute - 1;
    await vault.as(key)('auth.whoami', {});
    vault.clock.now += 1;
    await refusedEverywhere(vault.as(key));
  });

  test('disabled', async () => {
    const { call, keyId } = await vault.client('disabled', ['Owner']);
    await vault.owner('api-keys.update', { id: keyId, state: 'disabled' });
    await refusedEverywhere(call);
  });

  test('of a disabled principal', async () => {
    const { call } = await vault.client('disabled principal', ['Owner']);
    await vault.owner('principals.update', { id: 'disabled principal', state: 'disabled' });
    await refusedEverywhere(call);
  });

  test('of a deleted principal, expired before that', async () => {
    const expires_at = new Date(vault.clock.now + minute).toISOString();
    await vault.owner('principals.create', { name: 'deleted', role_ids: ['Owner'] });
    const { key } = await vault.owner('api-keys.create', { name: 'deleted', principal_id: 'deleted', expires_at });
    vault.clock.now += minute;
    await vault.owner('principals.delete', { id: 'deleted' });
    await refusedEverywhere(vault.as(key));
    // Nor where the clock goes back to before it expired.
    vault.clock.now -= day;
    await refusedEverywhere(vault.as(key));
    vault.clock.now += day;
  });

  test('of an archived project, until it is restored', async () => {
    const { handle } = await vault.owner('projects.create', { name: 'Frozen' });
    const { call } = await vault.client('frozen', ['Owner'], handle);
    await vault.owner('projects.archive', { id: handle });
    await refusedEverywhere(call, handle);
    await vault.owner('projects.restore', { id: handle });
    expect(await call('auth.whoami', {})).toMatchObject({ project: handle });
  });

  test('of another project than the call names', async () => {
    const { handle, id } = await vault.owner('projects.create', { name: 'Foreign' });
    const { call, key } = await vault.client('foreigner', ['Owner'], handle);
    const inProjects = names.filter((name) => operations[name].scope === 'project');
    for (const project of ['default', 'nowhere']) {
      for (const name of inProjects) {
        const error = await expectRefused(vault, () => call(name, { ...inputOf(name), project }), 'unauthorized');
        expect(error.message).toBe('the API key was not accepted');
      }
    }
    // Without a project it is the default one, in which this key is none.
    expect((await refusal(call('principals.list', {}))).code).toBe('unauthorized');
    expect((await refusal(vault.as(`${key}.default`)('auth.whoami', {}))).code).toBe('unauthorized');
    expect((await refusal(call('principals.list', { project: id }))).code).toBe('invalid_input');
    expect((await call('principals.list', { project: handle })).items).toHaveLength(1);
  });
});

describe('a change holds from the next call on', () => {
  const changes: Record<
    string,
    { off: (call: Call, client: Client) => Promise<unknown>; on?: (call: Call, client: Client) => Promise<unknown> }
  > = {
    'api-keys.revoke': { off: (call, { keyId }) => call('api-keys.revoke', { id: keyId }) },
    'api-keys.update': {
      off: (call, { keyId }) => call('api-keys.update', { id: keyId, state: 'disabled' }),
      on: (call, { keyId }) => call('api-keys.update', { id: keyId, state: 'active' }),
    },
    'principals.update': {
      off: (call, { principal: { id } }) => call('principals.update', { id, state: 'disabled' }),
      on: (call, { principal: { id } }) => call('principals.update', { id, state: 'active' }),
    },
    'projects.archive': {
      off: (call) => call('projects.archive', { id: 'default' }),
      on: (call) => call('projects.restore', { id: 'default' }),
    },
  };

  test.each(Object.entries(changes))('%s, through this handle and through another', async (name, { off, on }) => {
    const elsewhere = await vault.open();
    for (const [where, call] of [
      ['here', vault.owner],
      ['elsewhere', elsewhere.call],
    ] as const) {
      const client = await vault.client(`${name} ${where}`, ['Owner']);
      const own = await vault.open({ kind: 'bearer', text: client.key });
      await own.call('principals.list', {});
      await off(call, client);
      for (const as of [own.call, client.call])
        expect((await refusal(as('principals.list', {}))).code).toBe('unauthorized');
      if (on !== undefined) {
        await on(call, client);
        await own.call('principals.list', {});
      }
      await own.close();
    }
    await elsewhere.close();
  });

  test('a role taken away, given, changed', async () => {
    const elsewhere = (await vault.open()).call;
    await elsewhere('roles.create', { name: 'changing', permissions: ['mobius.project.view'] });
    const { call, principal } = await vault.client('changing', ['changing']);
    const codes = async (): Promise<(string | undefined)[]> =>
      Promise.all(
        [call('principals.list', {}), call('principals.create', { name: '?', role_ids: ['none'] })].map((one) =>
          one.then(
            () => 'done',
            (error) => error.code,
          ),
        ),
      );
    expect(await codes()).toEqual(['done', 'permission_denied']);
    await elsewhere('roles.update', { id: 'changing', permissions: ['mobius.access.manage'] });
    expect(await codes()).toEqual(['permission_denied', 'not_found']);
    const { id } = await elsewhere('roles.create-assignment', { principal_id: principal.id, role_id: 'Viewer' });
    expect(await codes()).toEqual(['done', 'not_found']);
    await elsewhere('roles.delete-assignment', { id });
    await elsewhere('principals.update', { id: principal.id, role_ids: [] });
    expect(await codes()).toEqual(['permission_denied', 'permission_denied']);
  });
});
