import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { product } from '../../src/cli/product.ts';
import { type Ended, type Machine, newMachine } from './machine.ts';

/** What people, crons and thieves do with secrets, over the built program. */

let machine: Machine;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
});
afterAll(() => machine.remove());

const versionsOf = async (name: string) =>
  (await machine.json<{ items: { version: number; state: string }[] }>('secrets', 'list-versions', name)).items;

test('a thousand updates from ten processes: a thousand versions, no gap, one enabled', async () => {
  await machine.json('secrets', 'create', 'busy', '--set', 'n=0');
  const script = (who: number): string =>
    `for i in $(seq 1 100); do mobius secrets update busy --set n=${who}-$i -q >/dev/null || echo failed $i; done`;
  const ended = await Promise.all(Array.from({ length: 10 }, (_, who) => patient(script(who))));
  expect(ended.map(({ stdout, stderr }) => stdout + stderr).join('')).toBe('');
  const items = await versionsOf('busy');
  expect(items.map(({ version }) => version)).toEqual(Array.from({ length: 1001 }, (_, at) => 1001 - at));
  expect(items.filter(({ state }) => state === 'ENABLED')).toEqual([expect.objectContaining({ version: 1001 })]);
  expect((await machine.json<{ ok: boolean }>('vault', 'check')).ok).toBe(true);
}, 900_000);

/** A shell without the limit that other commands have. */
const patient = (script: string): Promise<Ended> => machine.bash(script, { limitMs: 900_000 });

test('of two updates at once with --if-version one wins and the other exits 6', async () => {
  await machine.json('secrets', 'create', 'raced', '--set', 'n=0');
  const update = (n: number) =>
    machine.mobius(['secrets', 'update', 'raced', '--set', `n=${n}`, '--if-version', '1', '-F', 'version']);
  const ended = await Promise.all([update(1), update(2)]);
  expect(ended.map(({ code }) => code).sort()).toEqual([0, 6]);
  expect(await versionsOf('raced')).toHaveLength(2);
});

test('the environment of a program holds what was asked for, and nothing of the vault', async () => {
  await machine.json('secrets', 'create', 'shop', '--set', 'asked=asked-canary', '--set', 'other=other-canary');
  const { key } = await machine.json('principals', 'create', 'app', '--role', 'Worker', '--with-key');
  const keyFile = readdirSync(join(machine.home, '.config', 'mobius', 'keys'))[0] ?? '';
  const path = join(machine.home, '.config', 'mobius', 'keys', keyFile);
  const env = {
    MOBIUS_API_KEY: key,
    MOBIUS_VAULT: machine.vault,
    MOBIUS_VAULT_KEY_FILE: path,
    MOBIUS_VAULT_PASSPHRASE: 'passphrase-canary',
    KEPT: 'kept',
  };
  const args = ['run', '--no-mask', '--env', `ASKED=\${secret:shop.asked}`, '--', 'env'];
  const { stdout, stderr, code } = await machine.mobius(args, { env });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const found = Object.fromEntries(stdout.split('\n').map((line) => line.split('=', 2) as [string, string]));
  expect(found).toMatchObject({ ASKED: 'asked-canary', KEPT: 'kept', HOME: machine.home });
  expect(stdout).not.toMatch(/MOBIUS_|other-canary|passphrase-canary|mbx_|mbv_/);
  expect(stdout).not.toContain(keyFile);
  const asked = await machine.mobius(['run', '--env', 'MOBIUS_API_KEY', '--pristine', '--', '/usr/bin/env'], { env });
  expect(asked.stdout).toBe(`MOBIUS_API_KEY=${key}\n`);
});

test('a missing value stops before the program starts', async () => {
  const args = ['run', '--env', `A=\${secret:shop.nothing}`, '--', 'touch', 'started'];
  const { code } = await machine.mobius(args);
  expect(code).toBe(5);
  expect(readdirSync(machine.work)).not.toContain('started');
});

test('a value over 128 KiB is refused for the environment, with the way that takes it', async () => {
  const big = join(machine.work, 'big.txt');
  writeFileSync(big, 'x'.repeat(131_072));
  await machine.json('secrets', 'create', 'big', '--set', 'value=@big.txt');
  const { code, stderr } = await machine.mobius(['run', '--secret', 'big', '--', 'true']);
  expect(code).toBe(2);
  expect(stderr).toContain('mobius inject');
  writeFileSync(join(machine.work, 'big.tpl'), `<\${secret:big.value}>`);
  await machine.json('inject', '-i', 'big.tpl', '-o', 'big.out');
  expect(readFileSync(join(machine.work, 'big.out'), 'utf8')).toBe(`<${'x'.repeat(131_072)}>`);
});

/** Plainly fake, and found wherever they come out. Each goes in by another way. */
const canaries = ['values', 'set', 'file', 'stdin', 'env', 'dotenv', 'import', 'second', 'staged', 'typo'].map(
  (way) => `canary-${way}-0123456789`,
);
const canary = (way: string): string => canaries.find((one) => one.includes(`-${way}-`)) ?? 'none';

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

/** Fills what a command needs with something, so that each of them gets as far as it can. */
const lineOf = (noun: string, verb: string): string[] => {
  const about: Readonly<Record<string, string[]>> = {
    'secrets create': ['new', '--values', `{"k":"${canary('typo')}"}`, '--dry-run'],
    'secrets update': ['canary', '--values', `{"k":"${canary('typo')}"}`, '--dry-run'],
    'secrets get-version': ['canary', 'latest'],
    'secrets enable-version': ['canary', '1'],
    'secrets disable-version': ['canary', '1'],
    'secrets rollback': ['canary', '1', '--dry-run'],
    'secrets destroy-version': ['canary', '1', '--dry-run'],
    'secrets delete': ['canary', '--dry-run'],
    'vault backup': ['canary.backup', '--replace'],
    'vault restore': ['canary.backup'],
    'import ': ['json', 'import.json', '--dry-run'],
    'scan ': ['scanned'],
    'run ': ['--secret', 'canary', '--', 'env'],
    'inject ': ['-i', 'canary.tpl', '-o', 'out/injected'],
    'env ': ['--secret', 'nothing'],
  };
  return about[`${noun} ${verb}`] ?? (noun === 'secrets' ? ['canary'] : []);
};

test('no command prints a value, at any level of its log, nor leaves one in a file', async () => {
  const { work } = machine;
  mkdirSync(join(work, 'in'));
  mkdirSync(join(work, 'out'));
  mkdirSync(join(work, 'scanned'));
  writeFileSync(join(work, 'in', 'file'), canary('file'));
  writeFileSync(join(work, 'in', '.env'), `D=${canary('dotenv')}\n`);
  writeFileSync(join(work, 'import.json'), `{"imported":{"i":"${canary('import')}"}}`);
  writeFileSync(join(work, 'canary.tpl'), `\${secret:canary.v}`);
  writeFileSync(join(work, 'scanned', 'leak.txt'), `it is ${canary('values')} here\n`);
  const said: string[] = [];
  const go = async (script: string): Promise<void> => {
    for (const debug of ['', 'export MOBIUS_DEBUG=1; ']) {
      const { stdout, stderr } = await machine.bash(debug + script);
      said.push(`${script}\n${stdout}${stderr}`);
    }
  };
  const ways = [
    `--values '{"v":"${canary('values')}"}' --set s=${canary('set')} --set f=@in/file --set i=@- --from-env E`,
    '--dotenv in/.env --generate g',
  ].join(' ');
  await go(`export E=${canary('env')}; printf %s ${canary('stdin')} | mobius secrets create canary ${ways}`);
  await go('mobius import json import.json --update');
  await go(`mobius secrets update canary --merge --set s=${canary('second')} --log-level debug`);
  await go(`mobius secrets update canary --set s=${canary('staged')} --stage --log-level debug`);
  // What is wrong with a line is told without what stood in it.
  await go(`mobius secrets update canary --values '{"v":"${canary('typo')}"'`);
  await go(`mobius secrets update canary --values '["${canary('typo')}"]'`);
  await go(`mobius secrets update canary --values '{"v":["${canary('typo')}"]}'`);
  await go(`mobius secrets create canary --set v=${canary('typo')} --if-version x`);
  await go(`mobius secrets create --name '${'x'.repeat(200)}' --set v=${canary('typo')}`);
  for (const [noun, verbs] of Object.entries(product.commands)) {
    for (const verb of Object.keys(verbs)) {
      if (noun === 'vault' && ['rekey', 'passwd', 'keyslots'].includes(verb)) continue;
      const line = [noun, verb, ...lineOf(noun, verb)].filter((word) => word !== '');
      for (const mode of [
        ['-o', 'json', '--log-level', 'debug'],
        ['-o', 'pretty'],
      ]) {
        const [first = '', ...rest] = line;
        const flags = noun === 'run' || noun === 'inject' ? mode.slice(2) : mode;
        const { stdout, stderr } = await machine.mobius([first, ...flags, ...rest]);
        said.push(`${line.join(' ')}\n${stdout}${stderr}`);
      }
    }
  }
  const told = said.filter((text) => canaries.some((one) => text.split('\n').slice(1).join('\n').includes(one)));
  expect(told).toEqual([]);
  // The search is no empty one: values are found where they were put to use.
  expect(readFileSync(join(work, 'out', 'injected'), 'utf8')).toBe(canary('values'));
  const inputs = ['in', 'scanned', 'import.json', 'out/injected'].map((name) => join(work, name));
  const held = [work, machine.home]
    .flatMap(filesBelow)
    .filter((path) => !inputs.some((input) => path.startsWith(input)))
    .filter((path) => canaries.some((one) => readFileSync(path, 'latin1').includes(one)));
  expect(held).toEqual([]);
  expect(said.length).toBeGreaterThan(80);
}, 300_000);
