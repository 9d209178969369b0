import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type Machine, withTools } from './machine.ts';
import { fakeValue, newRunMachine } from './run-machine.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const test = withTools('tmux');

/** Says each signal that it gets, at once, and on Enter how many of each there were. */
const counting = `
const counts = {};
for (const name of ['SIGINT', 'SIGQUIT', 'SIGWINCH']) process.on(name, () => {
  counts[name] = (counts[name] ?? 0) + 1;
  setImmediate(() => console.log(name, process.stdout.columns, process.stdout.rows));
});
process.stdin.on('data', () => {
  console.log('counted', JSON.stringify(counts));
  process.exit(4);
});
console.log('ready', process.stdin.isTTY, process.stdout.isTTY, process.stderr.isTTY, process.stdout.columns);
`;

let machine: Machine;
let terminal: Terminal;
beforeAll(async () => {
  machine = await newRunMachine();
  writeFileSync(join(machine.work, 'counting.mjs'), counting);
});
afterAll(() => machine.remove());
beforeEach(() => {
  // Each has a socket of its own: the server of the one before may still be on its way out.
  terminal = openTerminal({ ...machine, work: mkdtempSync(join(machine.work, 'terminal-')) });
});
afterEach(() => terminal.close());

const node = process.execPath;

test('on a terminal the program has that terminal, and nothing is masked', async () => {
  await terminal.run(`mobius run --secret a sh -c 'echo "<$API_KEY>"; stty size'; echo "code $?"`);
  const lines = await terminal.shows(/^code 0$/);
  expect(lines).toContain(`<${fakeValue}>`);
  expect(lines).toContain('50 80');
});

test('only what is no terminal is masked', async () => {
  await terminal.run(`mobius run --secret a sh -c 'echo "<$API_KEY>"; echo "[$API_KEY]" >&2' | cat`);
  const lines = await terminal.shows(/^<.*>$/);
  expect(lines).toContain('<***>');
  expect(lines).toContain(`[${fakeValue}]`);
});

test('Ctrl-C, Ctrl-\\ and a new size reach the program, each once', async () => {
  await terminal.run(`mobius run --secret a ${node} ../counting.mjs; echo "code $?"`);
  await terminal.shows(/^ready true true true 80$/);
  terminal.press('C-c');
  await terminal.shows(/^(\^C)?SIGINT 80 50$/);
  terminal.press('C-\\');
  await terminal.shows(/^(\^\\)?SIGQUIT 80 50$/);
  terminal.resize(100, 40);
  await terminal.shows(/^SIGWINCH 100 40$/);
  terminal.press('Enter');
  const lines = await terminal.shows(/^code 4$/);
  expect(lines).toContain('counted {"SIGINT":1,"SIGQUIT":1,"SIGWINCH":1}');
});

test('Ctrl-C ends a program that does not listen, and mobius with its code', async () => {
  await terminal.run('mobius run --secret a sh -c "echo ready; exec sleep 1000"; echo "not reached"');
  await terminal.shows(/^ready$/);
  terminal.press('C-c');
  // As after any program that a signal ended, the shell drops the rest of the line.
  terminal.enter('echo "code $?"');
  const lines = await terminal.shows(/^code 130$/);
  expect(lines).not.toContain('not reached');
});

test('a signal sent to mobius in the background reaches the program', async () => {
  await terminal.run(
    `mobius run --secret a sh -c 'trap "echo got; exit 6" INT; touch up; while :; do sleep 0.05; done' &`,
  );
  terminal.enter('until [ -e up ]; do sleep 0.05; done; kill -INT %1; wait %1; echo "code $?"');
  const lines = await terminal.shows(/^code 6$/);
  expect(lines).toContain('got');
});

test('Ctrl-Z stops it, fg brings it back to the terminal', async () => {
  const program = 'while read -r line; do echo "read $line"; done';
  await terminal.run(`mobius run --secret a sh -c '${program}'; echo "code $?"`);
  for (const word of ['first', 'second']) {
    terminal.enter(word);
    await terminal.shows(new RegExp(`^read ${word}$`));
    terminal.press('C-z');
    await terminal.shows(/Stopped/);
    await terminal.run('jobs');
    await terminal.shows(/^\[1\]\+ +Stopped +mobius run/);
    await terminal.run('fg; echo "code $?"');
    await terminal.shows(/^mobius run/);
  }
  terminal.enter('third');
  await terminal.shows(/^read third$/);
  terminal.press('C-d');
  await terminal.shows(/^code 0$/);
});

test('bg lets it go on behind the shell', async () => {
  await terminal.run(
    `mobius run --secret a sh -c 'echo ready; while [ ! -e go ]; do sleep 0.05; done; echo "gone on"'`,
  );
  await terminal.shows(/^ready$/);
  terminal.press('C-z');
  await terminal.shows(/Stopped/);
  terminal.enter('bg; touch go; wait; echo "code $?"');
  const lines = await terminal.shows(/^code 0$/);
  expect(lines).toContain('gone on');
});
