import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const test = withTools('tmux');

let machine: Machine;
let terminal: Terminal;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
});
afterAll(() => machine.remove());
beforeEach(() => {
  terminal = openTerminal({ ...machine, work: mkdtempSync(join(machine.work, 'terminal-')) });
});
afterEach(() => terminal.close());

const inMemory = (): string[] => readdirSync('/dev/shm').filter((name) => name.startsWith('mobius-'));

const editor = (name: string, script: string): string => {
  const path = join(machine.work, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
};

const valuesOf = async (name: string): Promise<string> =>
  (await machine.mobius(['env', '--secret', name])).stdout.trim().split('\n').sort().join(' ');

test('a value is typed unseen', async () => {
  terminal.enter('mobius secrets create typed --value key; echo "code $?"');
  await terminal.shows(/Value of "key":/);
  terminal.enter('plainly-fake-typed');
  const lines = await terminal.shows(/^code 0$/);
  expect(lines.join('\n')).not.toContain('plainly-fake-typed');
  expect(await valuesOf('typed')).toBe("export KEY='plainly-fake-typed'");
});

test('Ctrl-C at the question leaves nothing behind', async () => {
  terminal.enter('mobius secrets create untyped --value key; echo "code $?"');
  await terminal.shows(/Value of "key":/);
  terminal.press('C-c');
  await terminal.shows(/code 130$/);
  expect((await machine.mobius(['secrets', 'get', 'untyped'])).code).toBe(5);
});

test('an editor shows the keys, what stays empty is kept, and the file is never on a disk', async () => {
  await machine.json('secrets', 'create', 'edited', '--set', 'kept=old', '--set', 'changed=old', '--set', 'gone=old');
  const path = editor(
    'edit.sh',
    `case "$1" in /dev/shm/*) ;; *) exit 9;; esac; cp "$1" seen.yaml
     sed -i -e 's/^changed: ""/changed: "new one"/' -e '/^gone:/d' "$1"; printf 'fresh: |\\n  two\\n  lines\\n' >> "$1"`,
  );
  await terminal.run(`EDITOR=${path} mobius secrets edit edited -q; echo "code $?"`);
  await terminal.shows(/^code 0$/);
  expect(await valuesOf('edited')).toBe(
    ["'", "export CHANGED='new one'", "export FRESH='two", "export KEPT='old'", 'lines'].join(' '),
  );
  const { stdout } = await machine.bash('cat terminal-*/seen.yaml');
  expect(stdout).toContain('changed: ""\ngone: ""\nkept: ""\n');
  expect(stdout).not.toContain('old');
  expect(inMemory()).toEqual([]);
});

test('what is no list of texts can be edited again, and Ctrl-C is the editor’s own', async () => {
  await machine.json('secrets', 'create', 'again', '--set', 'key=old');
  const path = editor(
    'again.sh',
    `if [ -e tried ]; then trap "" INT; echo editing; sleep 1; printf 'key: "new"\\n' > "$1"
     else touch tried; echo '- a list' > "$1"; fi`,
  );
  terminal.enter(`EDITOR=${path} mobius secrets edit again -q; echo "code $?"`);
  await terminal.shows(/Edit it again\?/);
  terminal.press('Enter');
  await terminal.shows(/^editing$/);
  terminal.press('C-c');
  await terminal.shows(/^code 0$/);
  expect(await valuesOf('again')).toBe("export KEY='new'");
  expect(inMemory()).toEqual([]);
});

test('an editor that fails changes nothing', async () => {
  await machine.json('secrets', 'create', 'failed', '--set', 'key=old');
  await terminal.run('EDITOR=false mobius secrets edit failed; echo "code $?"');
  await terminal.shows(/^code 1$/);
  expect(await valuesOf('failed')).toBe("export KEY='old'");
  expect(inMemory()).toEqual([]);
});
