import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/caller.ts';
import { formatKey } from '../../src/core/key-format.ts';
import { entries, faultsOf, type Stored, storedEntries } from './chain.ts';
import { makeVault, minute, outcome, refusal, type TestVault } from './world.ts';

let vault: TestVault;
const made: TestVault[] = [];
beforeEach(async () => {
  vault = await makeVault();
  made.push(vault);
});
afterAll(() => Promise.all(made.map((one) => one.close())));

const whole = (): void => expect(faultsOf(vault.vault, storedEntries(vault))).toEqual([]);

/** The rows that a call adds, in short. */
const addedBy = async (call: () => Promise<unknown>) => {
  const before = entries(vault).length;
  await call();
  whole();
  return entries(vault)
    .slice(before)
    .map(({ action, resource_type, resource_id, principal_id, credential_id, project_id, created_at, plain }) => ({
      action,
      resource_type,
      resource_id,
      principal_id,
      credential_id,
      project_id,
      created_at,
      ...plain,
    }));
};

test('a new vault begins with its own making', () => {
  const [first, second, ...rest] = entries(vault);
  expect(first).toMatchObject({ seq: 1, action: 'vault.init', resource_type: 'vault', resource_id: vault.vault.id });
  expect(second).toMatchObject({ seq: 2, action: 'projects.create', plain: { resource_name: 'default' } });
  expect(rest).toEqual([]);
  whole();
});

test('every accepted change has its row, and says who, what and which fields', async () => {
  const admin = await vault.client('admin', ['Admin']);
  const { call, principal, keyId } = admin;
  const by = {
    principal_id: principal.id,
    credential_id: keyId,
    project_id: principal.project_id,
    created_at: vault.clock.now,
    actor_name: 'admin',
    credential_name: 'admin',
  };
  const byOwner = { ...by, principal_id: null, credential_id: null, actor_name: 'owner', credential_name: undefined };
  const { id: viewer } = await vault.owner('roles.get', { id: 'Viewer' });

  let id = '';
  const kept = async (making: Promise<{ id: string }>): Promise<void> => {
    id = (await making).id;
  };
  const role = { ...by, action: 'roles.create', resource_type: 'role', resource_name: 'reader' };
  const permissions = ['mobius.project.view'];
  const made = await addedBy(() =>
    kept(call('roles.create', { name: 'reader', permissions, description: 'secret plan' })),
  );
  expect(made).toEqual([{ ...role, resource_id: id, changes: { permissions } }]);
  const roleId = id;
  expect(await addedBy(() => call('roles.update', { id: 'READER', description: 'other', tags: { a: 'b' } }))).toEqual([
    { ...role, action: 'roles.update', resource_id: roleId, changes: { fields: ['description', 'tags'] } },
  ]);

  const person = { ...by, resource_type: 'principal', resource_name: 'p' };
  const both = await addedBy(() =>
    kept(call('principals.create', { name: 'p', role_ids: ['reader'], with_key: { name: 'k' } })),
  );
  const [p, k] = both;
  expect(both).toEqual([
    { ...person, action: 'principals.create', resource_id: id, changes: { role_ids: [roleId] } },
    {
      ...by,
      action: 'principals.create',
      resource_type: 'api_key',
      resource_id: expect.stringMatching(/^key_/),
      resource_name: 'k',
      changes: { principal_id: id },
    },
  ]);
  expect(
    await addedBy(() => call('principals.update', { id: 'p', state: 'disabled', metadata: { a: 'secret plan' } })),
  ).toEqual([
    {
      ...person,
      action: 'principals.update',
      resource_id: p?.resource_id,
      changes: { fields: ['state', 'metadata'], state: 'disabled' },
    },
  ]);

  const grant = { ...by, resource_type: 'role_assignment', changes: { principal_id: p?.resource_id, role_id: viewer } };
  const granted = await addedBy(() => kept(call('roles.create-assignment', { principal_id: 'p', role_id: 'Viewer' })));
  expect(granted).toEqual([{ ...grant, action: 'roles.create-assignment', resource_id: id, resource_name: 'Viewer' }]);
  expect(await addedBy(() => call('roles.delete-assignment', { id }))).toEqual([
    { ...grant, action: 'roles.delete-assignment', resource_id: id },
  ]);

  const key = { ...by, resource_type: 'api_key', resource_name: 'k', resource_id: k?.resource_id };
  expect(
    await addedBy(() => call('api-keys.update', { id: 'k', state: 'disabled', tags: { a: 'secret plan' } })),
  ).toEqual([{ ...key, action: 'api-keys.update', changes: { fields: ['tags', 'state'], state: 'disabled' } }]);
  expect(await addedBy(() => call('api-keys.revoke', { id: 'k' }))).toEqual([{ ...key, action: 'api-keys.revoke' }]);
  expect(await addedBy(() => call('principals.delete', { id: 'p' }))).toEqual([
    { ...person, action: 'principals.delete', resource_id: p?.resource_id },
  ]);
  expect(await addedBy(() => call('roles.delete', { id: 'reader' }))).toEqual([
    { ...role, action: 'roles.delete', resource_id: roleId },
  ]);
  expect(await addedBy(() => call('projects.update', { id: 'default', name: 'secret plan' }))).toEqual([
    {
      ...by,
      action: 'projects.update',
      resource_type: 'project',
      resource_id: principal.project_id,
      resource_name: 'default',
      project_id: null,
      changes: { fields: ['name'] },
    },
  ]);

  const project = { ...byOwner, project_id: null, resource_type: 'project', resource_name: 'new' };
  const created = await addedBy(() => kept(vault.owner('projects.create', { name: 'New' })));
  expect(created).toEqual([{ ...project, action: 'projects.create', resource_id: id }]);
  for (const action of ['projects.archive', 'projects.restore', 'projects.archive', 'projects.delete'] as const) {
    expect(await addedBy(() => vault.owner(action, { id: 'new' }))).toEqual([{ ...project, action, resource_id: id }]);
  }

  const plain = JSON.stringify(entries(vault).map((entry) => entry.plain));
  expect(plain).not.toContain('secret plan');
  expect(plain).not.toContain(admin.key.slice(4));
});

test('reads, refused and idle calls, and openings leave none', async () => {
  const { call, key } = await vault.client('viewer', ['Viewer']);
  const before = storedEntries(vault);
  await call('principals.list', {});
  await vault.owner('api-keys.verify', { key });
  await vault.owner('api-keys.verify', { key: formatKey('mbx_', new Uint8Array(32)) });
  await vault.owner('projects.restore', { id: 'default' });
  await refusal(vault.owner('principals.create', { name: 'viewer' }));
  await refusal(vault.owner('principals.create', { name: '' }));
  await refusal(vault.owner('principals.update', { id: 'viewer', role_ids: ['Viewer', 'none'] }));
  await (await vault.open()).close();
  await vault.core.settle();
  expect(storedEntries(vault)).toEqual(before);
});

describe('refusals', () => {
  const refusalsIn = () =>
    entries(vault)
      .filter((entry) => entry.resource_type === 'refusal')
      .map(({ action, resource_id, credential_id, principal_id, project_id, plain }) => [
        action,
        plain.changes?.reason,
        plain.changes?.count,
        plain.changes?.minute,
        resource_id === (credential_id ?? ''),
        credential_id,
        principal_id,
        project_id,
      ]);

  test('are counted, one row a source, operation, reason and minute, when the handle is closed', async () => {
    const one = await vault.client('one', ['Viewer']);
    const two = await vault.client('two', ['Admin']);
    const before = storedEntries(vault).length;
    const [first, second, stranger] = await Promise.all(
      [one.key, two.key, formatKey('mbx_', new Uint8Array(32))].map((key) => vault.open({ kind: 'bearer', text: key })),
    );
    const repeat = async (times: number, call: () => Promise<unknown>, code: string): Promise<void> => {
      for (let i = 0; i < times; i++) expect((await refusal(call())).code).toBe(code);
    };
    await repeat(3, () => first?.call('principals.create', { name: 'n' }) ?? Promise.resolve(), 'permission_denied');
    await repeat(
      1,
      () => first?.call('roles.create', { name: 'n', permissions: ['mobius.*'] }) ?? Promise.resolve(),
      'permission_denied',
    );
    await repeat(2, () => first?.call('principals.list', { project: 'nowhere' }) ?? Promise.resolve(), 'unauthorized');
    await repeat(2, () => second?.call('roles.update', { id: 'Owner', tags: {} }) ?? Promise.resolve(), 'forbidden');
    await repeat(4, () => stranger?.call('principals.list', {}) ?? Promise.resolve(), 'unauthorized');
    // None of these is a refusal of somebody.
    await repeat(1, () => second?.call('principals.get', { id: 'nobody' }) ?? Promise.resolve(), 'not_found');
    await repeat(1, () => second?.call('principals.create', { name: '' }) ?? Promise.resolve(), 'invalid_input');
    vault.clock.now += minute;
    await repeat(1, () => first?.call('principals.create', { name: 'n' }) ?? Promise.resolve(), 'permission_denied');
    await vault.owner('principals.update', { id: 'two', state: 'disabled' });
    await repeat(2, () => second?.call('auth.whoami', {}) ?? Promise.resolve(), 'unauthorized');
    expect(storedEntries(vault)).toHaveLength(before + 1);

    for (const handle of [first, second, stranger]) await handle?.close();
    const from = (client: typeof one) => [true, client.keyId, client.principal.id, client.principal.project_id];
    const [early, late] = ['2026-06-01T12:00:00Z', '2026-06-01T12:01:00Z'];
    expect(refusalsIn()).toEqual([
      ['principals.create', 'permission_denied', 3, early, ...from(one)],
      ['roles.create', 'permission_denied', 1, early, ...from(one)],
      ['principals.list', 'elsewhere', 2, early, ...from(one)],
      ['principals.create', 'permission_denied', 1, late, ...from(one)],
      ['roles.update', 'forbidden', 2, early, ...from(two)],
      ['auth.whoami', 'disabled', 2, late, ...from(two)],
      ['principals.list', 'unknown', 4, early, true, null, null, null],
    ]);
    whole();
  });

  test('of two keys are two rows, in one process too', async () => {
    for (const name of ['one', 'two']) {
      const { call } = await vault.client(name, ['Viewer']);
      await refusal(call('principals.create', { name: 'n' }));
    }
    await vault.core.settle();
    expect(refusalsIn().map(([action, reason, count]) => [action, reason, count])).toEqual([
      ['principals.create', 'permission_denied', 1],
      ['principals.create', 'permission_denied', 1],
    ]);
    whole();
  });

  test('name what was wrong with a key that was issued once', async () => {
    const { call, keyId } = await vault.client('leaver', ['Viewer']);
    const reasons = async (): Promise<unknown[]> => {
      await refusal(call('auth.whoami', {}));
      await vault.core.settle();
      return refusalsIn().map(([, reason]) => reason);
    };
    await vault.owner('api-keys.update', { id: keyId, state: 'disabled' });
    expect(await reasons()).toEqual(['disabled']);
    await vault.owner('api-keys.revoke', { id: keyId });
    expect(await reasons()).toEqual(['disabled', 'revoked']);
  });

  test('of keys that can not have been issued leave no row, however many', async () => {
    const before = storedEntries(vault);
    for (let i = 0; i < 50; i++) await refusal(vault.as(`mbx_${i}`)('auth.whoami', {}));
    await vault.core.settle();
    expect(storedEntries(vault)).toEqual(before);
  });

  test('of many strangers are named so far, and counted all; who is known is named beside them', async () => {
    const { call, keyId } = await vault.client('onlooker', ['Viewer']);
    const ask = (n: number): Promise<unknown> => {
      const actor: Actor = {
        kind: 'bearer',
        text: formatKey('mbx_', new Uint8Array(32)),
        from: { ip: `2001:db8::${n.toString(16)}` },
      };
      return refusal(vault.core.as(actor)('auth.whoami', {}));
    };
    for (let n = 0; n < 500; n++) await ask(n % 250);
    await refusal(call('principals.create', { name: 'n' }));
    await vault.core.settle();
    const counts = entries(vault)
      .filter(({ resource_type: type }) => type === 'refusal')
      .map(({ credential_id: id, plain }) => [id, plain.ip_address === undefined, plain.changes?.count]);
    expect(counts).toEqual([
      ...Array.from({ length: 200 }, () => [null, false, 2]),
      [null, true, 100],
      [keyId, true, 1],
    ]);
    whole();
  });

  test('that can not be written are written later', async () => {
    await refusal(vault.as(formatKey('mbx_', new Uint8Array(32)))('auth.whoami', {}));
    vault.edit((file) => file.exec("update audit_log set seq = 'last' where seq = 2"));
    expect((await refusal(vault.core.settle())).code).toBe('damaged');
    await refusal(vault.as(formatKey('mbx_', new Uint8Array(32)))('auth.whoami', {}));
    vault.edit((file) => file.exec("update audit_log set seq = 2 where seq = 'last'"));
    await vault.core.settle();
    expect(refusalsIn().map(([action, reason, count]) => [action, reason, count])).toEqual([
      ['auth.whoami', 'unknown', 2],
    ]);
    whole();
  });

  test('are written once', async () => {
    await refusal(vault.as(formatKey('mbx_', new Uint8Array(32)))('auth.whoami', {}));
    await vault.core.settle();
    await vault.core.settle();
    expect(refusalsIn()).toHaveLength(1);
  });
});

describe('behind the end that was written down', () => {
  const mark = () =>
    vault.rows<{ seq: number; hash: Buffer; made_at: number; mac: Buffer }>('select * from audit_marks')[0];
  const putBack = (old: ReturnType<typeof mark>) =>
    vault.edit((file) =>
      file
        .prepare('update audit_marks set seq = ?, hash = ?, made_at = ?, mac = ?')
        .run(old?.seq, old?.hash, old?.made_at, old?.mac),
    );

  test('entries of the vault, as an older version leaves them, are taken for what they are', async () => {
    const old = mark();
    for (const name of ['a', 'b']) await vault.client(name, ['Viewer']);
    putBack(old);
    await vault.client('c', ['Viewer']);
    whole();
    expect(mark()?.seq).toBe(storedEntries(vault).at(-1)?.seq);
    expect((await vault.owner('audit-logs.verify', {})).findings).toEqual([]);
  });

  test('entries of anybody else let nothing be written', async () => {
    const old = mark();
    for (const name of ['a', 'b']) await vault.client(name, ['Viewer']);
    putBack(old);
    vault.edit((file) => file.exec("update audit_log set action = 'roles.get' where seq = 5"));
    const error = await refusal(vault.client('c', ['Viewer']));
    expect([error.code, error.message]).toEqual(['damaged', 'the audit log takes no rows']);
  });
});

describe('a log that was edited', () => {
  const edited = (change: (rows: Stored[]) => Stored[]): string[] =>
    faultsOf(vault.vault, change(storedEntries(vault)));

  test('is found out, whatever was edited', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await vault.client(name, ['Viewer']);
    whole();
    const [sample] = storedEntries(vault);
    for (const column of Object.keys(sample ?? {}) as (keyof Stored)[]) {
      for (const at of [2, 5]) {
        const faults = edited((rows) =>
          rows.map((row, i) => {
            const other = rows[at + 1]?.[column];
            return i === at ? { ...row, [column]: other === row[column] ? 'x' : other } : row;
          }),
        );
        expect(faults, column).not.toEqual([]);
      }
    }
    expect(edited((rows) => rows.filter((_, i) => i !== 4))).not.toEqual([]);
    expect(edited((rows) => rows.filter((_, i) => i !== 4).map((row, i) => ({ ...row, seq: i + 1 })))).not.toEqual([]);
    expect(edited((rows) => rows.slice(1))).not.toEqual([]);
    expect(
      edited((rows) => rows.map((row, i) => ({ ...(rows[i === 4 ? 5 : i === 5 ? 4 : i] ?? row), seq: i + 1 }))),
    ).not.toEqual([]);
  });

  test('takes no more rows where its end is not sound, and the change is not made', async () => {
    for (const sql of [
      "update audit_log set seq = 'last' where seq = 2",
      'update audit_log set seq = 9007199254740991 where seq = 2',
      'update audit_log set seq = 2.5 where seq = 2',
      'update audit_log set hash = null where seq = 2',
      "update audit_log set hash = 'text' where seq = 2",
    ]) {
      const [row] = vault.rows<Stored>('select * from audit_log where seq = 2');
      vault.edit((file) => file.exec(sql));
      expect((await outcome(vault.owner('principals.create', { name: 'never' }))).code, sql).toBe('damaged');
      vault.edit((file) => file.prepare('update audit_log set seq = 2, hash = ? where id = ?').run(row?.hash, row?.id));
    }
    expect((await vault.owner('principals.list', {})).items).toEqual([]);
    await vault.owner('principals.create', { name: 'now' });
    whole();
  });

  test('that passes over rows without a word stops the change', async () => {
    vault.edit((file) => {
      const sql = file.prepare("select sql from sqlite_schema where name = 'audit_log'").pluck().get() as string;
      file.exec(
        sql.replace('audit_log', 'planted').replace('resource_type text not null', '$& unique on conflict ignore'),
      );
      file.exec('insert into planted select * from audit_log; drop table audit_log');
      file.exec('alter table planted rename to audit_log');
    });
    const { code } = await outcome(vault.owner('projects.create', { name: 'Unseen' }));
    expect(code).toBe('damaged');
    expect((await vault.owner('projects.list', {})).items).toHaveLength(1);
  });
});

test('what was done to one thing is found in whatever project it was, or in none', async () => {
  const { owner } = vault;
  const keys: string[] = [];
  for (const name of ['One', 'Two', 'Gone']) {
    const { handle: project } = await owner('projects.create', { name });
    const { id } = await owner('principals.create', { project, name: 'ci', role_ids: ['Viewer'] });
    const key = await owner('api-keys.create', { project, name: 'one', principal_id: id });
    await owner('api-keys.update', { project, id: key.id, tags: { env: 'prod' } });
    await owner('api-keys.revoke', { project, id: key.id });
    keys.push(key.id);
  }
  await owner('projects.archive', { id: 'gone' });
  await owner('projects.delete', { id: 'gone' });
  const all = (await owner('audit-logs.list-all', { limit: 200 })).items;
  const { id: role } = await owner('roles.get', { id: 'Viewer' });
  for (const resource_id of [...keys, vault.vault.id, role]) {
    const found = (await owner('audit-logs.list-all', { resource_id })).items;
    expect(found).toEqual(all.filter((entry) => entry.resource_id === resource_id));
    expect(found.length).toBe(keys.includes(resource_id) ? 3 : resource_id === role ? 0 : 1);
  }
  const [resource_id = ''] = keys;
  const { items, next_cursor: cursor } = await owner('audit-logs.list-all', { resource_id, limit: 2 });
  expect(items.map(({ action }) => action)).toEqual(['api-keys.revoke', 'api-keys.update']);
  const rest = await owner('audit-logs.list-all', { resource_id, limit: 2, ...(cursor && { cursor }) });
  expect(rest.items.map(({ action }) => action)).toEqual(['api-keys.create']);
  const one = await owner('audit-logs.list-all', { resource_id, action: 'api-keys.update' });
  expect(one.items).toHaveLength(1);
});
