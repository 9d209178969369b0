import { afterAll, beforeAll, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const test = withTools('tmux');

let machine: Machine;
let terminal: Terminal;

beforeAll(async () => {
  machine = newMachine();
  terminal = openTerminal(machine);
  // As many rows as the longest screen has.
  terminal.resize(80, 70);
});
afterAll(() => {
  terminal.close();
  machine.remove();
});

const styles: Readonly<Record<string, string>> = {
  1: 'bold',
  2: 'faint',
  31: 'red',
  32: 'green',
  33: 'yellow',
  34: 'blue',
  36: 'cyan',
};

/** Letters with a style of their own as «green:active», for a person to read and a difference to show. */
const marked = (lines: readonly string[]): string[] => {
  const on = new Set<string>();
  const take = (code: string): void => {
    if (code === '' || code === '0') on.clear();
    else if (code === '39') for (const style of [...on]) if (/^3/.test(style)) on.delete(style);
    if (styles[code] === undefined) return;
    if (code.startsWith('3')) take('39');
    on.add(code);
  };
  const shown = (text: string): string => {
    const names = [...on].sort().map((code) => styles[code]);
    return names.length === 0 || text.trim() === '' ? text : `«${names.join(' ')}:${text.trimEnd()}»`;
  };
  return lines.map((line) =>
    line
      .split(/(\u001b\[[\d;]*m)/)
      .map((part) => {
        const [, codes] = /^\u001b\[([\d;]*)m$/.exec(part) ?? [];
        if (codes === undefined) return shown(part);
        for (const code of codes.split(';')) take(code);
        return '';
      })
      .join('')
      .trimEnd(),
  );
};

/** What is another each time, by what is as long: what stands beside it stays where it is. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b([a-z]{3,5})_[0-9a-hjkmnp-tv-z]{26}\b/g, '$1_00000000000000000000000000'],
  [/\bmbx_[0-9A-Za-z]{49}\b/g, `mbx_${'x'.repeat(49)}`],
  [/(key_prefix\S* +)mbx_\w{4}/g, '$1mbx_xxxx'],
  [/(key_suffix\S* +)\w{3}/g, '$1xxx'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '2026-01-01T00:00:00Z'],
  [/«faint:(\(?)(?:now|\d+ (?:second|minute)s? ago)(\)?)»/g, '«faint:$1just now$2»'],
  [/--cursor [\w-]+/g, '--cursor x'],
  [/\b(Node|SQLite) \d+(\.\d+)+/g, '$1 1.2.3'],
  [/\d+ KiB, made (now|\d+ seconds? ago)/g, '9 KiB, made just now'],
];

const masked = (line: string): string =>
  masks.reduce((text, [pattern, by]) => text.replace(pattern, by), line.replaceAll(machine.home, '/home/ada'));

const isEnd = (line: string): boolean => line.startsWith('end of it');

/** What the command said, without its own line. */
const seen = (): string[] => {
  const lines = marked(terminal.painted()).map(masked).slice(1);
  const end = lines.findIndex(isEnd);
  return end < 0 ? lines : lines.slice(0, end);
};

/** Columns behind a time stand where its length puts them. */
const closed = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ {2,}/g, '  '));

const compare = (name: string, lines: readonly string[]): Promise<void> =>
  expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`../golden/screens/${name}.txt`);

const screens: readonly { name: string; line: string; columns?: number; hasInnerTimes?: true }[] = [
  { name: 'quickstart', line: 'quickstart' },
  { name: 'principals-create', line: 'principals create 日本語 --role Viewer' },
  { name: 'api-keys-create', line: 'api-keys create ci --principal-id 日本語 --expires-at 90d' },
  { name: 'api-keys-list', line: 'api-keys list' },
  { name: 'api-keys-list-wide', line: 'api-keys list', columns: 120 },
  { name: 'api-keys-list-narrow', line: 'api-keys list', columns: 40 },
  { name: 'api-keys-get', line: 'api-keys get ci' },
  { name: 'api-keys-disable', line: 'api-keys update ci --state disabled' },
  { name: 'api-keys-list-disabled', line: 'api-keys list' },
  { name: 'principals-list', line: 'principals list' },
  { name: 'roles-list', line: 'roles list' },
  { name: 'secrets-create', line: 'secrets create db/prod --generate password --expires-at 30d' },
  { name: 'secrets-list', line: 'secrets list' },
  { name: 'secrets-get', line: 'secrets get db/prod' },
  { name: 'tokens-list', line: 'tokens list' },
  { name: 'audit-logs-list', line: 'audit-logs list --limit 3', hasInnerTimes: true },
  { name: 'auth-status', line: 'auth status' },
  { name: 'vault-status', line: 'vault status' },
  { name: 'doctor', line: 'doctor' },
  { name: 'error', line: 'api-keys get nobody' },
  { name: 'wrong-line', line: 'api-keys creat' },
  { name: 'help', line: 'roles --help' },
];

test('the main screens, as a terminal shows them', async () => {
  for (const { name, line, columns = 80, hasInnerTimes } of screens) {
    terminal.resize(columns, 70);
    await terminal.run(`mobius ${line}; echo "end of it: $?"`);
    await terminal.shows(/^end of it: \d+$/);
    const lines = seen();
    await compare(name, hasInnerTimes ? closed(lines) : lines);
  }
});

test('without colours where nobody wants any, the words being the same', async () => {
  for (const wish of ['NO_COLOR=1', 'TERM=dumb']) {
    await terminal.run(`${wish} mobius api-keys get ci; echo "end of it: $?"`);
    await terminal.shows(/^end of it: 0$/);
    const lines = seen();
    expect(lines.join('\n')).not.toContain('«');
    expect(lines.some((line) => /^state +disabled$/.test(line))).toBe(true);
  }
});

test('a question, and what is left of it on the screen', async () => {
  await terminal.run('mobius api-keys create; echo "end of it: $?"');
  await terminal.shows(/Name /);
  terminal.enter('asked');
  await terminal.shows(/another one, to be made/);
  await compare('asks-for-a-principal', seen());
  terminal.press('Enter');
  await terminal.shows(/at another time/);
  await compare('asks-for-an-expiry', seen());
  terminal.press('C-c');
  await terminal.shows(/^end of it: 130$/);
  await terminal.run('mobius api-keys get asked -q; echo "end of it: $?"');
  await terminal.shows(/^end of it: 5$/);
  // Echo is on again.
  terminal.type('seen');
  await terminal.shows(/seen$/);
  terminal.press('C-u');
});

test('a question on standard error, and one answer alone in the pipe', async () => {
  await terminal.run('mobius principals create -o json | jq -r .name > name.txt; echo "end of it"; cat name.txt');
  await terminal.shows(/Name /);
  terminal.enter('piped');
  await terminal.shows(/Roles:/);
  terminal.press('Enter');
  await terminal.shows(/^end of it$/);
  await terminal.shows(/^piped$/);
});
