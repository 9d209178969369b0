import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { serve } from '../http/served.ts';
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

/** The blocks for a shell in one chapter of the README, joined as one person would type them, one after the other. */
const typedIn = (chapter: string): string[] => {
  const [, text = ''] = new RegExp(`\n## ${chapter}\n(.*?)\n## `, 's').exec(readFileSync('README.md', 'utf8')) ?? [];
  return [...text.matchAll(/\n```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
};

/** Where a passphrase would be asked for, the flag for one in a file stands in. */
const withoutTerminal = (line: string): string =>
  line
    .replace(/^(mobius vault keyslots add passphrase) .*/, '$1 --new-passphrase-file ./passphrase.txt')
    .replace(/^(mobius vault rekey) .*/, '$1 --passphrase-file ./passphrase.txt')
    // Here lie the files that the values came from.
    .replace(/^(mobius scan) .*/, '$1 refs.env');

/** A served vault in place of the address, a password in place of the question for one. */
const toward =
  (url: string) =>
  (line: string): string =>
    line
      .replace('https://mobius.example.com', url)
      .replace(/^(mobius auth login \S+ \S+).*/, '$1 --email ada@example.com < password.txt')
      .replace(/^(mobius users create [^#]*).*/, '$1 < password.txt');

/** What the lines of the README take from the folder that they are typed in. */
const around: Readonly<Record<string, string>> = {
  'passphrase.txt': 'correct horse battery staple\n',
  'key.txt': 'sk-plainly-fake-1',
  'new-key.txt': 'sk-plainly-fake-2',
  'refs.env': 'KEY=${secret:openai.api_key}\n',
  'config.tpl.yaml': 'key: ${secret:openai.api_key}\n',
  'app.js': '',
  'migrate.sh': '#!/bin/sh\n',
  'serve.sh': '#!/bin/sh\n',
};

describe('the README', () => {
  let machine: Machine;
  beforeAll(() => {
    machine = newMachine();
  });
  afterAll(() => machine.remove());

  /** Types the lines in one shell, and expects each to end with 0 and to say nothing of what is wrong. */
  const typeAll = async (lines: readonly string[]): Promise<void> => {
    // After each line its exit code is told, and the next one finds the same shell.
    const script = lines.map((line) => `${line}\necho "$? ${line.replace(/["$`\\]/g, '\\$&')}" >&3`).join('\n');
    const { stderr } = await machine.bash(`exec 3> codes\nset -o pipefail\n${script}`, {
      cwd: join(machine.work, 'readme'),
      env: { DB_USER: 'shop-user' },
    });
    const codes = readFileSync(join(machine.work, 'readme', 'codes'), 'utf8')
      .trimEnd()
      .split('\n');
    expect({ codes, stderr }).toEqual({ codes: lines.map((line) => `0 ${line}`), stderr: '' });
  };

  test('what it says to type works, line by line', async () => {
    const lines = typedIn('Use').map(withoutTerminal);
    expect(lines.length).toBeGreaterThan(8);
    expect(await machine.mobius(['vault', 'init'])).toMatchObject({ code: 0 });
    mkdirSync(join(machine.work, 'readme'));
    for (const [name, text] of Object.entries(around)) {
      writeFileSync(join(machine.work, 'readme', name), text, { mode: 0o755 });
    }
    await typeAll(lines);
  }, 240_000);

  test('what it says of a server works, line by line', async () => {
    const [first = '', second = '', ...others] = typedIn('Serve');
    const folder = join(machine.work, 'readme');
    writeFileSync(join(folder, 'password.txt'), 'a-plainly-fake-password\n');
    await typeAll([toward('')(first)]);
    expect(second).toMatch(/^mobius serve --public-url /);
    const served = await serve(machine, '--listen', '127.0.0.1:0', ...second.split(/\s+/).slice(2, 4));
    expect(others.length).toBeGreaterThan(4);
    await typeAll(others.map(toward(served.url)));
    served.kill('SIGTERM');
    expect((await served.ended).code).toBe(0);
  });
});
