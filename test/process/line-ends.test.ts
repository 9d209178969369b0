import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Machine, newMachine } from './machine.ts';

/** Whatever an editor on Windows saves, or a shell there writes into a pipe, means the same. */
let machine: Machine;
let keyFile: string;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  const { unlocked_by: opened = '' } = await machine.json('vault', 'status');
  keyFile = /key file "(.+)"/.exec(opened)?.[1] ?? '';
});
afterAll(() => machine.remove());

const fileOf = (name: string, text: string): string => {
  const path = join(machine.work, name);
  writeFileSync(path, text.replace(/\r?\n/g, '\r\n'), { mode: 0o600 });
  expect(readFileSync(path, 'utf8')).toContain('\r\n');
  return path;
};

/** What a program gets as this variable, as JSON. */
const handedOn = async (name: string, ...flags: string[]): Promise<unknown> => {
  const program = [process.execPath, '-p', `JSON.stringify(process.env.${name})`];
  const { code, stdout, stderr } = await machine.mobius(['run', '--no-mask', ...flags, '--', ...program]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
};

const bash = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await machine.bash(script);
  expect({ script, code, stderr }).toMatchObject({ code: 0 });
  return stdout;
};

test.each(['', '\ufeff'])('a key file, after %j', async (mark) => {
  const copy = fileOf('copy.key', mark + readFileSync(keyFile, 'utf8'));
  expect(await machine.json('vault', 'status', '--key-file', copy)).toMatchObject({ state: 'open' });
});

test('a passphrase file, as it is set and as it is shown', async () => {
  const windows = fileOf('windows.txt', 'four plainly fake words\n');
  const other = join(machine.work, 'other.txt');
  writeFileSync(other, 'four plainly fake words\n', { mode: 0o600 });
  await bash(`mobius vault keyslots add passphrase --new-passphrase-file '${windows}'`);
  for (const file of [windows, other]) {
    expect(await machine.json('vault', 'status', '--passphrase-file', file)).toMatchObject({ state: 'open' });
  }
});

test('a mobius.json', async () => {
  fileOf('mobius.json', '{\n  "env": {\n    "NAMED": "plain"\n  }\n}\n');
  await bash('mobius trust');
  expect(await handedOn('NAMED')).toBe('plain');
});

test('a file of variables', async () => {
  const file = fileOf('refs.env', 'FIRST=one\nSECOND="two"\n# and\nTHIRD=three\n');
  for (const [name, value] of [
    ['FIRST', 'one'],
    ['SECOND', 'two'],
    ['THIRD', 'three'],
  ] as const) {
    expect(await handedOn(name, '--refs', file)).toBe(value);
  }
  await bash(`mobius secrets create dotenv --dotenv '${file}'`);
  expect(await handedOn('FIRST', '--secret', 'dotenv')).toBe('one');
});

test('a value on stdin', async () => {
  await bash(`printf 'plainly-fake\\r\\n' | mobius secrets create stdin --set password=@-`);
  expect(await handedOn('PASSWORD', '--secret', 'stdin')).toBe('plainly-fake');
});

test('a YAML file', async () => {
  const file = fileOf('secret.yaml', 'name: yaml\nvalues:\n  password: plainly-fake\n');
  await bash(`mobius secrets create --file '${file}'`);
  expect(await handedOn('PASSWORD', '--secret', 'yaml')).toBe('plainly-fake');
});

test('a key on stdin, and the file of profiles', async () => {
  await bash('mobius principals create worker --role Worker --with-key --out worker.key');
  const windows = fileOf('windows.key', readFileSync(join(machine.work, 'worker.key'), 'utf8'));
  expect(await bash(`mobius api-keys verify -o text -F code < '${windows}'`)).toBe('VALID\n');
  const profiles = fileOf('credentials', '[team]\napi_url = "https://mobius.example.com"\n');
  const { stdout } = await machine.mobius(['auth', 'list'], { env: { MOBIUS_CREDENTIALS_FILE: profiles } });
  expect(stdout).toContain('https://mobius.example.com');
});
