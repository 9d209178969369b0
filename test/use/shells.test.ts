import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Format, formats, githubMasks, renderVariables } from '../../src/use/shells.ts';
import { withTools } from '../process/machine.ts';
import { anyValue, hostile, manyValues } from './hostile.ts';
import { readGithub, readPowershell } from './readers.ts';

let drawn = 0;
const random = (): string => `drawn${String(drawn++).padStart(12, '0')}`;

const render = (format: Format, variables: Record<string, string>): string =>
  renderVariables(format, variables, random);

let folder = '';
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'shells-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The environment that a child of the shell sees after the shell read the text; nothing else may have happened. */
const through = (command: readonly string[], text: string): Record<string, string> => {
  writeFileSync(join(folder, 'text'), text);
  const [program = '', ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C.UTF-8' },
    maxBuffer: 64e6,
    timeout: 25_000,
  });
  expect({ stderr: stderr.toString(), status }).toEqual({ stderr: '', status: 0 });
  expect(readdirSync(folder).filter((name) => !['text', '.config', '.local', '.cache'].includes(name))).toEqual([]);
  const pairs = stdout.toString().split('\0').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
};

const only = (names: readonly string[], env: Record<string, string>): Record<string, string | undefined> =>
  Object.fromEntries(names.map((name) => [name, env[name]]));

const evaluated = 'eval "$(cat text)"; env -0';

const strange =
  'setopt rc_quotes sh_word_split glob_subst bang_hist ksh_arrays extended_glob magic_equal_subst all_export ' +
  'ignore_braces null_glob posix_builtins posix_identifiers prompt_subst csh_null_glob rc_expand_param';

const shells: Record<string, { format: Format; command: readonly string[] }> = {
  dash: { format: 'sh', command: ['dash', '-c', evaluated] },
  bash: { format: 'sh', command: ['bash', '--norc', '-c', evaluated] },
  'bash with history expansion': { format: 'sh', command: ['bash', '--norc', '-c', `set -o history -H; ${evaluated}`] },
  'bash --posix': { format: 'sh', command: ['bash', '--norc', '--posix', '-euc', evaluated] },
  'bash in the C locale': { format: 'sh', command: ['env', 'LC_ALL=C', 'bash', '--norc', '-c', evaluated] },
  zsh: { format: 'sh', command: ['zsh', '-fc', evaluated] },
  'zsh with its options': { format: 'sh', command: ['zsh', '-fc', `${strange}\n${evaluated}`] },
  'zsh as sh': { format: 'sh', command: ['zsh', '-fc', `emulate sh\n${evaluated}`] },
  fish: { format: 'fish', command: ['fish', '--no-config', '-c', 'cat text | source; env -0'] },
};

describe.each(Object.entries(shells))('%s', (_, { format, command }) => {
  const tool = command.find((word) => /^(dash|bash|zsh|fish)$/.test(word)) ?? '';
  withTools(tool)('sets each variable to exactly its value', () => {
    const variables = manyValues();
    const env = through(command, render(format, variables));
    expect(only(Object.keys(variables), env)).toEqual(variables);
  });
});

withTools('zsh')('zsh with the quotes of csh refuses many lines and runs nothing of them', () => {
  const text = render('sh', { A: "x\n'; touch pwned; '\n$(touch pwned)" });
  writeFileSync(join(folder, 'text'), text);
  const options = { cwd: folder };
  const { status } = spawnSync('zsh', ['-fc', 'setopt csh_junkie_quotes; eval "$(cat text)"'], options);
  expect(status).not.toBe(0);
  expect(readdirSync(folder)).toEqual(['text']);
});

describe('names of which a shell computes the value', () => {
  const command = (shell: string): string[] => [shell, ...(shell === 'zsh' ? ['-f'] : [])];

  withTools('bash', 'zsh')('no other name than the refused ones runs what a value holds', () => {
    const attack = 'psvar[$(touch pwned-$n)]';
    const list = {
      bash: 'compgen -v; echo COLUMNS; echo LINES; echo MAILCHECK; echo TMOUT; echo BASH_ARGV0',
      zsh: 'zmodload zsh/zle zsh/parameter zsh/datetime zsh/complist; print -l ${(k)parameters}',
    };
    for (const shell of ['bash', 'zsh'] as const) {
      const listed = spawnSync(shell, [...command(shell).slice(1), '-c', list[shell]], { encoding: 'utf8' }).stdout;
      const names = listed.split('\n').filter((name) => /^[A-Za-z_]\w*$/.test(name));
      expect(names.length).toBeGreaterThan(30);
      const lines = names.map((name) => {
        try {
          return `(${render('sh', { [name]: attack.replace('$n', name) }).trim()}) 2>/dev/null`;
        } catch {
          return '';
        }
      });
      expect(lines.filter((line) => line === '').length).toBeGreaterThan(4);
      spawnSync(shell, [...command(shell).slice(1), '-c', lines.join('\n')], { cwd: folder });
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test('are given whole numbers alone', () => {
    expect(render('sh', { COLUMNS: '80' })).toBe("export COLUMNS='80'\n");
    expect(() => render('sh', { RANDOM: 'x[$(id)]' })).toThrow('the value of "RANDOM" is no whole number');
    expect(render('fish', { RANDOM: 'x' })).toBe("set -gx RANDOM 'x'\n");
  });
});

// There is no PowerShell in Debian: its literals are read here by a second program, written from its rules.
describe('powershell', () => {
  test('each variable is exactly its value', () => {
    const variables = manyValues();
    const text = render('powershell', variables);
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(readPowershell(text)).toEqual(variables);
  });

  test('what is not plain goes by its number', () => {
    expect(render('powershell', { A: "it's", B: 'a\n\u2019', C: '' })).toBe(
      "$env:A = 'it''s'\n$env:B = -join @('a',[char]10,[char]8217)\n$env:C = ''\n",
    );
  });
});

describe('github', () => {
  test('each variable is exactly its value', () => {
    const variables = Object.fromEntries(Object.entries(manyValues()).filter(([, value]) => !value.endsWith('\r')));
    expect(readGithub(render('github', variables))).toEqual(variables);
  });

  test('a value that would end itself is refused', () => {
    const constant = () => 'constant00000000';
    expect(() => renderVariables('github', { A: 'x\nmobius_constant00000000\nPATH=/tmp' }, constant)).toThrow(
      'the value of "A" holds the delimiter',
    );
    expect(() => renderVariables('github', { A: 'x' }, () => '')).toThrow('random letters and digits');
    expect(() => renderVariables('github', { A: 'x' }, () => 'a b\nc0000000000000')).toThrow('random');
    expect(() => render('github', { A: 'x\r' })).toThrow('the value of "A" ends in a carriage return');
  });

  test('masks: one line for each line of each value', () => {
    expect(githubMasks(['one\ntwo\r\n\n \nthree\rfour', 'one', '', '100%0A', ' lead'])).toBe(
      '::add-mask::one\n::add-mask::two\n::add-mask::three\n::add-mask::four\n::add-mask::100%250A\n::add-mask:: lead\n',
    );
    expect(githubMasks([])).toBe('');
  });
});

describe.each(formats)('%s refuses', (format) => {
  test('what no variable can hold, by name and without the value', () => {
    for (const value of ['hidden\0', 'hidden\ud800', '\udc00hidden']) {
      expect(() => render(format, { GOOD: 'x', BAD: value })).toThrow(/^the value of "BAD" holds/);
      expect(() => render(format, { BAD: value })).not.toThrow('hidden');
    }
  });

  test.each(['', '1A', 'A B', 'A;id', 'A=B', 'A\nB', 'A-B', 'A.B', '$(id)', 'Ä', 'A\n', '-A'])(
    'the name %j',
    (name) => {
      expect(() => render(format, { [name]: 'x' })).toThrow(`"${name}" is no name for a variable`);
    },
  );

  test('nothing else than what it says: errors hold no values', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        try {
          render(format, { NAME: `${value}hidden${value}` });
        } catch (error) {
          expect((error as Error).message).toMatch(/^the value of "NAME"/);
          expect((error as Error).message).not.toContain('hidden');
        }
      }),
    );
  });
});

test('nothing gives nothing, and every line ends', () => {
  for (const format of formats) {
    expect(render(format, {})).toBe('');
    expect(render(format, { A: 'x' })).toMatch(/[^\n]\n$/);
  }
  expect(hostile.length).toBeGreaterThan(80);
});
