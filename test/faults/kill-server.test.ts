import { expect, test } from 'vitest';
import { machineWithVault, serve } from '../http/served.ts';
import { ask, sending } from '../http/world.ts';

/**
 * A server that is killed while many make keys through it: each key that a client was told of is in the vault
 * afterwards and works, and what was answered to an Idempotency-Key is answered again by the next server.
 */
test.each([1, 7, 30, 90])('every 201 that a client saw before a kill -9 after %i of them stands', async (count) => {
  const machine = await machineWithVault();
  const owner = await machine.json<{ key: string }>('principals', 'create', 'ci', '--role', 'Owner', '--with-key');
  const served = await serve(machine, '--listen', '127.0.0.1:0', '--log', 'info');
  const seen: { id: string; key: string; idempotencyKey: string; body: string }[] = [];
  let going = true;
  const client = async (n: number): Promise<void> => {
    for (let i = 0; going; i++) {
      const idempotencyKey = `client-${n}-${i}`;
      const asked = sending({ name: `key ${n} ${i}`, principal_id: 'ci' }, owner.key);
      const headers = { ...asked.headers, 'Idempotency-Key': idempotencyKey };
      const answered = await ask(served, 'POST', '/v1/projects/default/api-keys', { ...asked, headers }).catch(
        () => undefined,
      );
      if (answered?.status !== 201) return;
      seen.push({ ...(answered.body as { id: string; key: string }), idempotencyKey, body: String(asked.body) });
    }
  };
  const clients = Array.from({ length: 8 }, (_, n) => client(n));
  while (seen.length < count) await new Promise((done) => setTimeout(done, 1));
  served.kill('SIGKILL');
  going = false;
  await Promise.all(clients);
  await served.ended;
  expect(seen.length).toBeGreaterThanOrEqual(count);

  const next = await serve(machine, '--listen', '127.0.0.1:0', '--log', 'info');
  for (const { id, key, idempotencyKey, body } of seen) {
    expect((await ask(next, 'GET', '/v1/auth/whoami', { key })).body).toMatchObject({ key_id: id });
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey };
    const again = await ask(next, 'POST', '/v1/projects/default/api-keys', { key: owner.key, headers, body });
    expect(again).toMatchObject({ status: 201, body: { id, key } });
  }
  next.kill('SIGTERM');
  expect((await next.ended).code).toBe(0);
  expect(await machine.mobius(['vault', 'check'])).toMatchObject({ code: 0 });
});
