import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { append, headOf } from '../../src/store/audit.ts';
import { makeVault } from '../core/world.ts';
import { newMachine } from './machine.ts';

interface Verified {
  ok: boolean;
  checked: number;
  last_seq: number;
  begins_after?: number;
}

/** More than three times as many as go at once. */
const many = 17_000;

test('a pruning that is killed leaves a log that is whole, and goes on where it was', {
  timeout: 180_000,
}, async () => {
  const vault = await makeVault();
  const { id, sealer, db } = vault.vault;
  await db.tx('write', async (tx) => {
    const store = { db: tx, sealer };
    let head = await headOf(store);
    const columns = {
      project_id: null,
      action: 'vault.backup',
      resource_type: 'vault',
      resource_id: id,
      principal_id: null,
      credential_id: null,
      created_at: vault.clock.now,
    };
    while (head.seq < many) {
      const end = await append(store, `aud_${head.seq}`, columns, {}, head);
      if (end === undefined) throw new Error('an entry stands in its place already');
      head = end;
    }
  });
  const machine = newMachine(vault.path);
  try {
    const env = { MOBIUS_VAULT_KEY_FILE: vault.place.keys.defaultKeyFile(id) };
    Object.assign(machine.env, env);
    const verified = async (): Promise<Verified> =>
      (await machine.json('audit-logs', 'verify', '-o', 'json')) as unknown as Verified;
    const begins = (): number =>
      vault.rows<{ seq: number }>("select seq from audit_marks where id = 'checkpoint'")[0]?.seq ?? 0;
    const args = ['audit-logs', 'prune', '--before', '2026-07-01T00:00:00Z', '--yes', '-o', 'json'];
    for (const batch of [1, 2]) {
      const before = begins();
      const child = machine.start(args, ['ignore', 'ignore', 'ignore']);
      const gone = once(child, 'close');
      while (begins() === before && child.exitCode === null) await sleep(5);
      child.kill('SIGKILL');
      expect(await gone).toEqual([null, 'SIGKILL']);
      expect(begins()).toBeGreaterThanOrEqual(5_000 * batch);
      const { ok, checked, last_seq } = await verified();
      expect({ ok, checked }).toEqual({ ok: true, checked: last_seq - begins() });
    }
    expect(await machine.mobius(args)).toMatchObject({ code: 0 });
    expect(begins()).toBe(many);
    expect(await verified()).toMatchObject({ ok: true, begins_after: many });
    const { code, stdout } = await machine.mobius(['audit-logs', 'export', '--all', '--after-seq', '3']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; action: string });
    expect({ code, seqs: lines.map(({ seq }) => seq) }).toEqual({ code: 0, seqs: lines.map((_, at) => many + 1 + at) });
    expect(new Set(lines.map(({ action }) => action))).toEqual(new Set(['audit-logs.prune']));
    const again = await machine.json(
      'audit-logs',
      'prune',
      '--before',
      '2026-07-01T00:00:00Z',
      '--yes',
      '-F',
      'removed',
    );
    expect(again).toEqual({ removed: 0 });
  } finally {
    machine.remove();
    await vault.close();
  }
});
