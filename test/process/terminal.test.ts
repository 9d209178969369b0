import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const test = withTools('tmux');

let machine: Machine;
let terminal: Terminal;
const ofMobius = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name !== '.tmux');

beforeEach(() => {
  machine = newMachine();
  terminal = openTerminal(machine);
});
afterEach(() => {
  terminal.close();
  machine.remove();
});

describe('Ctrl-C while a question stands', () => {
  test('about where the key shall lie: no vault, no key, no folder', async () => {
    await terminal.run('mobius vault init; echo "code $?"');
    await terminal.shows(/What should open the vault\?/);
    terminal.press('C-c');
    await terminal.shows(/^code 130$/);
    expect([ofMobius(machine.home), ofMobius(machine.work)]).toEqual([[], []]);
  });

  test('the same for the signal, from wherever it comes', async () => {
    await terminal.run(`bash -c 'echo "process $$"; exec mobius vault init'`);
    const lines = await terminal.shows(/What should open the vault\?/);
    const [, pid = ''] = lines.flatMap((line) => /^process (\d+)$/.exec(line) ?? []);
    process.kill(Number(pid), 'SIGINT');
    await terminal.shows(/^\$$/);
    terminal.enter('echo "code $?"');
    await terminal.shows(/^code 130$/);
    expect([ofMobius(machine.home), ofMobius(machine.work)]).toEqual([[], []]);
  });

  test('in the second question too', async () => {
    await terminal.run('mobius vault init; echo "code $?"');
    await terminal.shows(/What should open the vault\?/);
    terminal.press('Down');
    terminal.press('Enter');
    await terminal.shows(/Path of the new key file:/);
    terminal.press('C-c');
    await terminal.shows(/^code 130$/);
    expect([ofMobius(machine.home), ofMobius(machine.work)]).toEqual([[], []]);
  });

  test('and while a passphrase is typed, of which nothing is seen', async () => {
    await terminal.run('mobius vault init; echo "code $?"');
    await terminal.shows(/What should open the vault\?/);
    terminal.press('Up');
    terminal.press('Enter');
    await terminal.shows(/New passphrase:/);
    terminal.enter('correct horse battery staple');
    await terminal.shows(/The same again:/);
    terminal.type('correct horse');
    terminal.press('C-c');
    const lines = await terminal.shows(/^code 130$/);
    expect(lines.join('\n')).not.toContain('horse');
    expect([ofMobius(machine.home), ofMobius(machine.work)]).toEqual([[], []]);
  });

  test('about a deletion: what was to go is there; so it is after a no, and gone once its name was typed', async () => {
    await machine.json('vault', 'init');
    await machine.json('projects', 'create', 'old');
    await machine.json('projects', 'archive', 'old');
    const line = 'mobius projects delete old; echo "code $?"';
    await terminal.run(line);
    await terminal.shows(/delete project "old" and everything in it\?/);
    terminal.press('C-c');
    await terminal.shows(/^code 130$/);
    expect(await machine.json('projects', 'get', 'old')).toMatchObject({ handle: 'old' });

    await terminal.run(line);
    await terminal.shows(/delete project "old" and everything in it\?/);
    terminal.press('Enter');
    await terminal.shows(/^code 1$/);
    expect(await machine.json('projects', 'get', 'old')).toMatchObject({ handle: 'old' });

    await terminal.run(line);
    await terminal.shows(/delete project "old" and everything in it\?/);
    terminal.enter('y');
    await terminal.shows(/^code 1$/);
    await terminal.run(line);
    await terminal.shows(/Type "old" to go on:/);
    terminal.enter('old');
    await terminal.shows(/^deleted project "old"$/);
    expect((await machine.mobius(['projects', 'get', 'old'])).code).toBe(5);
  });

  test('about a key, which is not shown while it is typed', async () => {
    await machine.json('vault', 'init');
    const { key = '' } = await machine.json('principals', 'create', 'worker', '--role', 'Worker', '--with-key');
    await terminal.run('mobius api-keys verify -F code; echo "code $?"');
    await terminal.shows(/API key:/);
    terminal.press('C-c');
    await terminal.shows(/^code 130$/);

    await terminal.run('mobius api-keys verify -F code; echo "code $?"');
    await terminal.shows(/API key:/);
    terminal.enter(key);
    const lines = await terminal.shows(/^code 0$/);
    expect(lines.join('\n')).toContain('VALID');
    expect(lines.join('\n')).not.toContain(key.slice(0, 12));
  });
});

test('vault init asks where the key shall lie, and puts it there', async () => {
  await terminal.run('mobius vault init');
  await terminal.shows(/What should open the vault\?/);
  terminal.press('Down');
  terminal.press('Enter');
  await terminal.shows(/Path of the new key file:/);
  terminal.enter('./stick.key');
  await terminal.shows(/keep a copy of the key file/);
  expect(ofMobius(machine.work)).toEqual(['stick.key']);
  expect((await machine.mobius(['projects', 'list', '--key-file', 'stick.key'])).code).toBe(0);
});

test('--no-input asks nothing, on a terminal neither', async () => {
  await terminal.run('mobius vault init --no-input; echo "code $?"');
  await terminal.shows(/^code 0$/);
  await terminal.run('mobius api-keys verify --no-input; echo "code $?"');
  const lines = await terminal.shows(/^code 2$/);
  expect(lines.join('\n')).toContain('--no-input was given');
});

test('Tab completes nouns, verbs and flags in bash', async () => {
  await terminal.run('source <(mobius completion bash); echo "code $?"');
  await terminal.shows(/^code 0$/);
  // What is typed before the prompt is there stands before it.
  await terminal.shows(/^\$$/);
  terminal.type('mobius api-k');
  terminal.press('Tab');
  await terminal.shows(/^\$ mobius api-keys ?$/);
  terminal.type('rev');
  terminal.press('Tab');
  await terminal.shows(/^\$ mobius api-keys revoke ?$/);
  terminal.type('--dr');
  terminal.press('Tab');
  await terminal.shows(/^\$ mobius api-keys revoke --dry-run/);
});
