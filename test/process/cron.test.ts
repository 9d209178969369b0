import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';

const test = withTools('setsid');

/** What a scheduler gives a job: hardly any environment, another folder, no terminal, nobody to ask. */

let machine: Machine;
let keyFile = '';
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  await machine.json('principals', 'create', 'worker', '--role', 'Worker', '--with-key', '--out', 'worker.key');
  await machine.json('projects', 'create', 'old');
  await machine.json('projects', 'archive', 'old');
  const { id } = await machine.json('vault', 'status');
  keyFile = join(machine.home, '.config', 'mobius', 'keys', `${id}.key`);
});
afterAll(() => machine.remove());

/** The line with nothing but the path and these variables, in the root folder, without a terminal to open. */
const job = (line: string, variables = '') =>
  machine.bash(`cd /; exec setsid --wait env -i PATH="$PATH" ${variables} sh -c '${line}' < /dev/null`);

test('with a home it works as at a desk', async () => {
  const { code, stdout, stderr } = await job('mobius principals list -o text -F name', `HOME="$HOME"`);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'worker\n', stderr: '' });
});

test('without one it works where the vault and its key are named', async () => {
  const named = `--vault "${machine.vault}" --key-file "${keyFile}"`;
  const { code, stdout, stderr } = await job(`mobius api-keys list ${named} -o text -F name`);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'worker\n', stderr: '' });
  const variables = `MOBIUS_VAULT="${machine.vault}" MOBIUS_VAULT_KEY_FILE="${keyFile}" MOBIUS_API_KEY="$(cat "${machine.work}/worker.key")"`;
  const acting = await job('mobius whoami -o text -F key_name', variables);
  expect(acting).toMatchObject({ code: 0, stdout: 'worker\n', stderr: '' });
  const given = await job(
    'mobius whoami -o text -F name',
    `MOBIUS_VAULT="${machine.vault}" MOBIUS_VAULT_KEY="$(cat "${keyFile}")"`,
  );
  expect(given).toMatchObject({ code: 0, stdout: 'owner\n', stderr: '' });
});

describe('what is missing is said in a line, with what to do', () => {
  test('the key file', async () => {
    const { code, stdout, stderr } = await job(
      `mobius whoami -o text`,
      `HOME=/nonexistent MOBIUS_VAULT="${machine.vault}"`,
    );
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^mobius: error: the vault is locked: its key file "\/nonexistent\/.*" is not there\nmobius: hint: name what opens it: .*\n$/,
    );
  });

  test('the vault', async () => {
    const { code, stdout, stderr } = await job('mobius whoami -o text', 'HOME=/nonexistent');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^mobius: error: no vault at "\/nonexistent\/.*\/vault.db"\nmobius: hint: make one: mobius quickstart.*\n$/,
    );
  });

  test.each(['HOME=', 'HOME=home', 'HOME=.'])(
    'a home (%s): nothing is made in the folder that it happens to be in',
    async (home) => {
      const before = readdirSync(machine.work);
      const { code, stdout, stderr } = await machine.bash(`exec env -i PATH="$PATH" ${home} mobius quickstart -o text`);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toBe(
        'mobius: error: there is no home folder: HOME is not set to an absolute path\n' +
          'mobius: hint: set HOME, or name the vault and its key: --vault PATH --key-file PATH\n',
      );
      expect(readdirSync(machine.work)).toEqual(before);
    },
  );

  test('a yes, and the key to verify', async () => {
    const asked = await job('mobius projects delete old -o text', 'HOME="$HOME"');
    expect(asked).toMatchObject({ code: 2, stdout: '' });
    expect(asked.stderr).toContain('add --yes');
    const empty = await job('mobius api-keys verify -o text', 'HOME="$HOME"');
    expect(empty).toMatchObject({ code: 2, stdout: '' });
  });
});

test('the help and the version need no home at all', async () => {
  for (const line of ['mobius --version', 'mobius --help', 'mobius api-keys create --help', 'mobius completion bash']) {
    expect(await job(line)).toMatchObject({ code: 0, stderr: '' });
    expect(await job(line, 'HOME=')).toMatchObject({ code: 0, stderr: '' });
  }
});
