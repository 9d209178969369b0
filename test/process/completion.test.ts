import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Machine, newMachine, withTools } from './machine.ts';

/** Whoever takes one of these for a part of the line does something else with it. */
const awkward = [
  'my principal',
  'a:b',
  'x=y',
  'at@sign',
  "it's",
  'dou"ble',
  '$(touch pwned)',
  '`touch pwned`',
  'star*',
  'semi;touch pwned',
  '#hash',
  '~tilde',
  'back\\slash',
  'bang!x',
  'pipe|touch pwned',
  'ünï',
  '-dash',
];

let machine: Machine;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  for (const name of awkward) await machine.json('principals', 'create', '--name', name);
  writeFileSync(join(machine.work, 'only file.json'), '{}');
});
afterAll(() => machine.remove());

/** A shell's own way to show what stands on its line, under Ctrl-G, and to complete with Tab. */
const shells = {
  bash: {
    line: 'bash --norc --noprofile -i',
    setUp: `PS1=; source ${resolve('completions/mobius.bash')}; show() { printf '<<%s>>\\n' "$READLINE_LINE"; READLINE_LINE=; READLINE_POINT=0; }; bind -x '"\\C-g": show'; bind 'set bell-style none'; echo READ""Y`,
  },
  zsh: {
    line: 'zsh -f -i',
    setUp: `PS1=; fpath=(${resolve('completions')} $fpath); autoload -Uz compinit; compinit -D -u; show() { print -r -- "<<$BUFFER>>"; BUFFER=; }; zle -N show; bindkey '^G' show; bindkey '^I' complete-word; unsetopt automenu; echo READ""Y`,
  },
} as const;

/** Types each line into a real shell and presses Tab: what stands on the line then. */
const typed = (shell: keyof typeof shells, lines: readonly string[]): string[] => {
  const { line, setUp } = shells[shell];
  const script = `
    zmodload zsh/zpty
    zpty z "env TERM=dumb $1"
    zpty -w z "$2"
    zpty -r -m z seen '*READY*'
    shift 2
    for q in "$@"; do
      zpty -w -n z "$q"$'\\t\\a'
      zpty -r -m z seen '*<<*>>*'
      print -r -- "\${\${seen##*<<}%%>>*}"
    done
    zpty -d z`;
  const out = execFileSync('zsh', ['-f', '-c', script, 'zsh', line, setUp, ...lines], {
    cwd: machine.work,
    env: machine.env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return out.trimEnd().split('\n');
};

/** Of what was typed, all that it becomes; the same where nothing, or more than one thing, can be offered. */
const both: Record<string, string> = {
  'mobius principals get my': 'mobius principals get my\\ principal',
  "mobius principals get 'my": "mobius principals get 'my principal'",
  'mobius principals get "my': 'mobius principals get "my principal"',
  'mobius principals get a:': 'mobius principals get a:b',
  'mobius principals get x=': 'mobius principals get x=y',
  'mobius principals get at@': 'mobius principals get at@sign',
  'mobius principals get it': "mobius principals get it\\'s",
  'mobius principals get dou': 'mobius principals get dou\\"ble',
  'mobius principals get \\$': 'mobius principals get \\$\\(touch\\ pwned\\)',
  "mobius principals get '$": "mobius principals get '$(touch pwned)'",
  'mobius principals get \\`': 'mobius principals get \\`touch\\ pwned\\`',
  'mobius principals get star': 'mobius principals get star\\*',
  'mobius principals get semi': 'mobius principals get semi\\;touch\\ pwned',
  'mobius principals get \\#': 'mobius principals get \\#hash',
  'mobius principals get back': 'mobius principals get back\\\\slash',
  'mobius principals get bang': 'mobius principals get bang\\!x',
  'mobius principals get pipe': 'mobius principals get pipe\\|touch\\ pwned',
  'mobius api-keys create n --principal-id my': 'mobius api-keys create n --principal-id my\\ principal',
  'mobius api-keys create n --principal-id=my': 'mobius api-keys create n --principal-id=my\\ principal',
  'mobius tokens revoke --all --principal my': 'mobius tokens revoke --all --principal my\\ principal',
  'mobius -o json principal get my': 'mobius -o json principal get my\\ principal',
  'mobius --vault=/nonexistent principals get my': 'mobius --vault=/nonexistent principals get my',
  'mobius principals get --vault /nonexistent my': 'mobius principals get --vault /nonexistent my',
  'mobius principals get --vault "$nowhere" my': 'mobius principals get --vault "$nowhere" my',
  'mobius --api-url http://127.0.0.1:1 principals get my': 'mobius --api-url http://127.0.0.1:1 principals get my',
  'mobius roles get Own': 'mobius roles get Owner',
  'mobius --project def': 'mobius --project default',
  'mobius api-keys rotate @': 'mobius api-keys rotate @me',
  'mobius can my\\ principal mobius.project.v': 'mobius can my\\ principal mobius.project.view',
  'mobius completion po': 'mobius completion powershell',
  'mobius -o y': 'mobius -o yaml',
  'mobius --output=y': 'mobius --output=yaml',
  'mobius inject --in=on': 'mobius inject --in=only\\ file.json',
  'mobius vault restore on': 'mobius vault restore only\\ file.json',
  'mobius --key-file on': 'mobius --key-file only\\ file.json',
  'mobius vault keyslots add passp': 'mobius vault keyslots add passphrase',
  'mobius run -- mobi': 'mobius run -- mobius',
  'mobius run --pristine -- cat on': 'mobius run --pristine -- cat only\\ file.json',
  'mobius run cat on': 'mobius run cat only\\ file.json',
  'mobius run -- mobius principals get my': 'mobius run -- mobius principals get my\\ principal',
};

describe.each(['bash', 'zsh'] as const)('in %s', (shell) => {
  withTools('zsh', shell)('a Tab completes what there is, quoted as the line began, and runs none of it', () => {
    const lines = typed(shell, Object.keys(both)).map((line) => line.replace(/ $/, ''));
    expect(Object.fromEntries(Object.keys(both).map((line, index) => [line, lines[index]]))).toEqual(both);
    expect(existsSync(join(machine.work, 'pwned'))).toBe(false);
  });
});

withTools('zsh')('bash parts words as its variable says', () => {
  const unparted = 'COMP_WORDBREAKS=$\' \\t\\n"\'"\\\'"; echo';
  const lines = ['mobius --output=y', 'mobius principals get a:', "mobius api-keys create n --principal-id='my"];
  expect(typed('bash', [`${unparted}\n${lines[0]}`, ...lines.slice(1)]).map((line) => line.trimEnd())).toEqual([
    'mobius --output=yaml',
    'mobius principals get a:b',
    "mobius api-keys create n --principal-id='my principal'",
  ]);
});

withTools('fish')('in fish too', () => {
  const offers = (line: string): string[] =>
    execFileSync(
      'fish',
      ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', resolve('completions/mobius.fish'), line],
      {
        cwd: machine.work,
        env: machine.env,
        encoding: 'utf8',
      },
    )
      .split('\n')
      .filter((row) => row !== '')
      .map((row) => row.replace(/\t.*/, ''));
  expect(offers('mobius principals get ').sort()).toEqual(awkward.filter((name) => !name.startsWith('-')).sort());
  for (const [line, expected] of Object.entries({
    "mobius principals get 'my": ['my principal'],
    'mobius principals get \\$': ['$(touch pwned)'],
    'mobius api-keys create n --principal-id=my': ['--principal-id=my principal'],
    'mobius principals get --vault /nonexistent my': [],
    'mobius principals get --vault $nowhere my': [],
    'mobius --api-url http://127.0.0.1:1 principals get my': [],
    'mobius api-keys rotate @': ['@me'],
    'mobius -o y': ['yaml'],
    'mobius --output=y': ['--output=yaml'],
    'mobius vault restore on': ['only file.json'],
    'mobius run --pristine -- cat on': ['only file.json'],
    'mobius run -- mobius principals get my': ['my principal'],
  })) {
    expect({ line, offers: offers(line) }).toEqual({ line, offers: expected });
  }
  expect(existsSync(join(machine.work, 'pwned'))).toBe(false);
});

/** What a shell with its own files does, as a person opens it; the last word typed is what is completed. */
const asOpened: Record<string, (line: string) => string[]> = {
  bash: (line) => [
    'bash',
    '-ic',
    `COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=($1) COMP_CWORD=\${#COMP_WORDS[@]}; ((COMP_CWORD--)); _mobius; echo "\${COMPREPLY[@]}"`,
    'bash',
    line,
  ],
  zsh: (line) => ['zsh', '-ic', 'print -r -- $_comps[mobius] $+functions[_mobius]', 'zsh', line],
  fish: (line) => ['fish', '-c', 'complete -C $argv[1] | string replace -r "\\t.*" ""', line],
};

describe.each([
  ['bash', 'api-keys'],
  ['zsh', '_mobius 1'],
  ['fish', 'api-keys'],
])('installed for %s', (shell, expected) => {
  withTools(shell)('it is there in the next shell, and gone with --uninstall', async () => {
    const own = newMachine();
    const open = async (): Promise<string> => {
      const words = asOpened[shell]?.('mobius api-k').map((word) => `'${word.replaceAll("'", "'\\''")}'`) ?? [];
      return (await own.bash(`${words.join(' ')} 2>/dev/null`)).stdout.trim();
    };
    try {
      expect(await open()).not.toBe(expected);
      const env = { SHELL: `/usr/bin/${shell}` };
      const { code, stderr } = await own.mobius(['completion', '--install'], { env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: `mobius: for ${shell}, as SHELL says\n` });
      expect(await open()).toBe(expected);
      expect(await own.mobius(['completion', '--uninstall'], { env })).toMatchObject({ code: 0 });
      expect(await open()).not.toBe(expected);
    } finally {
      own.remove();
    }
  });
});
