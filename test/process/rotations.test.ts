import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Ended, type Machine, newMachine, withTools } from './machine.ts';

const test = withTools('setsid');

/** What a scheduler rotates: with nothing but its line, no terminal, no home, from another folder. */

let machine: Machine;
/** With a space, a quote and a per cent sign: nothing that a shell or cron may trip over. */
let folder: string;
/** What was made by such a process was made two hours ago. */
const longAgo = { NODE_OPTIONS: '--import "data:text/javascript,const n=Date.now;Date.now=()=>n()-72e5"' };

const inPast = async (...args: string[]): Promise<Record<string, string>> => {
  const { code, stdout, stderr } = await machine.mobius(args, { env: longAgo });
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return JSON.parse(stdout);
};

beforeAll(async () => {
  machine = newMachine();
  folder = join(machine.work, "ada's 100% config");
  mkdirSync(folder, { mode: 0o700 });
  await inPast('vault', 'init');
  await inPast('principals', 'create', 'worker', '--role', 'Worker');
});
afterAll(() => machine.remove());

/** A key that is due, and the raw key. */
const due = async (name: string, ...ways: string[]): Promise<string> => {
  const { key = '' } = await inPast('api-keys', 'create', name, '--principal-id', 'worker');
  const env = { MOBIUS_CONFIG_DIR: folder, MOBIUS_VAULT_KEY_FILE: await keyFile() };
  const set = ['rotations', 'set', `api-keys/${name}`, '--every', '1h', '--grace', '1h', ...ways];
  expect(await machine.mobius(set, { env })).toMatchObject({ code: 0, stderr: '' });
  return key;
};

const keyFile = async (): Promise<string> => {
  const { id } = await machine.json('vault', 'status');
  return join(machine.home, '.config', 'mobius', 'keys', `${id}.key`);
};

const scheduled = async (): Promise<string> => {
  const env = { MOBIUS_CONFIG_DIR: folder, MOBIUS_VAULT_KEY_FILE: await keyFile() };
  const { stdout, stderr, code } = await machine.mobius(['rotations', 'schedule'], { env });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  expect(line).toMatch(/^17 \* \* \* \* /);
  // As cron hands it to the shell.
  return line.split(' ').slice(5).join(' ').replaceAll('\\%', '%');
};

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The line with no variable at all, in the root folder. */
const job = (line: string): Promise<Ended> =>
  machine.bash(`cd /; exec setsid --wait env -i /bin/sh -c ${quoted(line)} < /dev/null`);

const events = ({ stderr }: Ended): Record<string, unknown>[] =>
  stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the line that was printed rotates in an empty environment, once', async () => {
  const file = join(machine.work, 'ci.key');
  const old = await due('ci', '--deliver', `file:${file}`, '--verify', `test "$(cat '${file}')" = "$MOBIUS_API_KEY"`);
  const line = await scheduled();
  const ran = await job(line);
  expect({ ...ran, stderr: ran.code === 0 ? '' : ran.stderr }).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(events(ran).map(({ event }) => event)).toEqual(
    expect.arrayContaining(['begun', 'issued', 'delivered', 'verified', 'done', 'finished']),
  );
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, 'utf8').trim();
  expect(key).not.toBe(old);
  expect(ran.stderr).not.toContain(key);
  expect(ran.stderr).not.toContain(old);
  const who = await machine.mobius(['whoami'], { env: { MOBIUS_API_KEY: key } });
  expect(JSON.parse(who.stdout)).toMatchObject({ key_name: 'ci' });
  const again = await job(line);
  expect(again).toMatchObject({ code: 0, stdout: '' });
  expect(events(again)).toMatchObject([{ level: 'info', event: 'nothing_due' }]);
});

test('two at once: one does it, the other finds it held or done', async () => {
  const file = join(machine.work, 'two.key');
  await due('two', '--deliver', `file:${file}`, '--verify', 'sleep 1');
  const line = await scheduled();
  const both = await Promise.all([job(line), job(line)]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  const all = both.flatMap(events).filter(({ subject }) => subject === 'api-keys/two');
  expect(all.filter(({ event }) => event === 'done')).toHaveLength(1);
  expect(all.filter(({ event }) => event === 'issued')).toHaveLength(1);
  const held = all.filter(({ event }) => event === 'held');
  for (const one of held) expect(one.holder).toMatch(/^process \d+ on /);
});

test('many that say how something is delivered lose nothing of one another', async () => {
  const names = Array.from({ length: 8 }, (_, at) => `many-${at}`);
  for (const name of names) await machine.json('api-keys', 'create', name, '--principal-id', 'worker', '--out', name);
  const env = { MOBIUS_CONFIG_DIR: folder, MOBIUS_VAULT_KEY_FILE: await keyFile() };
  const line = (name: string) => ['rotations', 'set', `api-keys/${name}`, '--every', '90d', '--deliver', 'exec:cat'];
  const all = await Promise.all(names.map((name) => machine.mobius(line(name), { env })));
  expect(all.map(({ code, stderr }) => ({ code, stderr }))).toEqual(names.map(() => ({ code: 0, stderr: '' })));
  const text = readFileSync(join(folder, 'rotations.toml'), 'utf8');
  expect(names.filter((name) => !text.includes(`"api-keys/${name}"`))).toEqual([]);
});

test('what is missing is said in a line, with its exit code', async () => {
  await due('lost', '--deliver', `file:${join(machine.work, 'lost.key')}`);
  const line = await scheduled();
  const config = join(folder, 'rotations.toml');
  const failures: [string, () => Promise<Ended>, number, string][] = [
    ['the key file', () => job(line.replace(/(?<=MOBIUS_VAULT_KEY_FILE=)\S+/, '/nonexistent')), 3, 'locked'],
    ['the vault', () => job(line.replace(/(?<=MOBIUS_VAULT=)\S+/, '/nonexistent')), 3, 'not_initialised'],
    [
      'the file of deliveries',
      () => {
        chmodSync(config, 0o644);
        return job(line).finally(() => chmodSync(config, 0o600));
      },
      2,
      'usage',
    ],
    [
      'an entry for this vault',
      () => {
        const text = readFileSync(config, 'utf8');
        writeFileSync(config, text.replaceAll(machine.vault, '/elsewhere.db'));
        return job(line).finally(() => writeFileSync(config, text));
      },
      3,
      'not_initialised',
    ],
  ];
  for (const [what, run, code, kind] of failures) {
    const ran = await run();
    expect({ what, code: ran.code, stdout: ran.stdout }).toEqual({ what, code, stdout: '' });
    expect(events(ran)).toMatchObject([{ level: 'error', event: 'failed', code: kind }]);
  }
});
