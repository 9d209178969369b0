import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';

const test = withTools('jq');

/**
 * The guide "Create an API key" says what is typed, to the letter and with dates in it. So this machine's clock shows
 * the year that it was written for.
 */
const inSpring2026 = (machine: Machine): string => {
  const clock = join(machine.home, 'clock.mjs');
  const ahead = Date.parse('2026-04-01T12:00:00Z') - Date.now();
  writeFileSync(clock, `const now = Date.now; Date.now = () => now() + ${ahead};\n`);
  return `--import=${clock}`;
};

describe('the guide, as it is typed', () => {
  let machine: Machine;
  const type = async (script: string) => {
    const result = await machine.bash(`set -o pipefail\n${script}`, { env: { NODE_OPTIONS: inSpring2026(machine) } });
    return result;
  };
  beforeAll(async () => {
    machine = newMachine();
    expect(await machine.mobius(['vault', 'init'])).toMatchObject({ code: 0 });
  });
  afterAll(() => machine.remove());

  let principal = '';
  test('the API client', async () => {
    const { code, stdout, stderr } = await type(String.raw`
WORKER_ROLE_ID="$(mobius roles list -o json \
| jq -r '.items[] | select(.name=="Worker") | .id')"
mobius principals create \
--name worker-prod \
--description "Production worker process" \
--role-ids "$WORKER_ROLE_ID" \
-o json`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { id, name, description, role_ids: roles } = JSON.parse(stdout);
    expect({ name, description }).toEqual({ name: 'worker-prod', description: 'Production worker process' });
    expect(roles).toEqual([(await machine.json('roles', 'get', 'Worker')).id]);
    expect(id).toMatch(/^prin_01\w{24}$/);
    principal = id;
  });

  let first = '';
  test('a key for it', async () => {
    const { code, stdout, stderr } = await type(
      String.raw`
mobius api-keys create \
--name worker-prod-primary \
--principal-id prin_01... \
--expires-at 2027-01-01T00:00:00Z`.replace('prin_01...', principal),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const created = JSON.parse(stdout);
    expect(created).toMatchObject({ expires_at: '2027-01-01T00:00:00Z', key: expect.stringMatching(/^mbx_\w{49}$/) });
    expect(created.id).toMatch(/^key_01\w{24}$/);
    first = created.id;
  });

  test('the name is taken, so that key is revoked and another one issued, into a file', async () => {
    const line = String.raw`
mobius api-keys create \
--name worker-prod-primary \
--principal-id prin_01... \
-o json \
| jq -r .key > ~/.config/mobius/worker-prod.key
chmod 600 ~/.config/mobius/worker-prod.key`.replace('prin_01...', principal);
    const taken = await type(line.replace(/\nchmod.*/, ''));
    expect(taken.code).toBe(6);
    expect(JSON.parse(taken.stderr).error.code).toBe('already_exists');

    const listed = await type('mobius api-keys list');
    expect(JSON.parse(listed.stdout).items).toMatchObject([{ id: first, state: 'active' }]);
    expect(await type(`mobius api-keys revoke ${first}`)).toMatchObject({ code: 0, stdout: '', stderr: '' });

    expect(await type(line)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const file = join(machine.home, '.config', 'mobius', 'worker-prod.key');
    expect(readFileSync(file, 'utf8')).toMatch(/^mbx_\w{49}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('using the key', async () => {
    const { code, stdout, stderr } = await type(`
export MOBIUS_API_KEY="$(cat ~/.config/mobius/worker-prod.key)"
mobius whoami -F name,roles
mobius automations list`);
    expect(JSON.parse(stdout)).toEqual({ name: 'worker-prod', roles: ['Worker'] });
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'unsupported', message: 'mobius has no automations yet' });
    expect(code).toBe(1);
    const { items } = await machine.json<{ items: { last_used_at?: string }[] }>(
      'api-keys',
      'list',
      '--state',
      'active',
    );
    expect(items).toMatchObject([{ last_used_at: expect.stringMatching(/^2026-04-01T/) }]);
  });
});
