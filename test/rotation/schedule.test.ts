import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Globals } from '../../src/cli/command.ts';
import { cronText, type Job, jobOf, lineOf, shellWord, systemdText } from '../../src/rotation/schedule.ts';
import { fakeIo } from '../cli/fake-io.ts';

const nasty = ["it's", '100%', '%%', 'a b', '$HOME', '`id`', '\\n', '"', '#x', '~', '*', ';', '&&', "'%'", 'ü', ''];

/** What cron hands to the shell: up to the first per cent sign, and without the backslash before others. */
const afterCron = (line: string): string => {
  const [, command = ''] = /^(?:\S+ ){5}(.*)$/s.exec(line) ?? [];
  return (/^(?:\\.|[^%\\])*/s.exec(command)?.[0] ?? '').replaceAll('\\%', '%');
};

const seenBy = (line: string): string[] =>
  execFileSync('/bin/sh', ['-c', line], { env: {}, encoding: 'utf8' }).split('\0').slice(0, -1);

describe('a word is the same for a shell and through a crontab', () => {
  test.each(nasty)('%j', (word) => {
    const line = `/usr/bin/env -0 ${shellWord(`W=${word}`)}`;
    expect(seenBy(line)).toContain(`W=${word}`);
    expect(seenBy(afterCron(`17 * * * * ${line}`))).toContain(`W=${word}`);
  });
});

const job = (words: readonly string[]): Job => ({
  variables: Object.fromEntries(words.map((word, at) => [`V${at}`, word])),
  program: ['/usr/bin/env', '-0', ...words.map((word, at) => `W${at}=${word}`)],
  missing: [],
});

test('a word that is empty is one all the same', () => {
  expect(seenBy(`printf '%s\\000' a ${shellWord('')} b`)).toEqual(['a', '', 'b']);
});

test('a whole line in an empty environment, as it stands and through a crontab', () => {
  const expected = [...nasty.map((word, at) => `V${at}=${word}`), ...nasty.map((word, at) => `W${at}=${word}`)];
  const text = cronText(job(nasty), '1h').split('\n').at(-2) ?? '';
  for (const line of [lineOf(job(nasty)), afterCron(text)]) {
    const seen = seenBy(line);
    expect(expected.filter((one) => !seen.includes(one))).toEqual([]);
  }
});

/** As systemd reads a line: words in double quotes with backslashes, `%%` and, in a command, `$$`. */
const wordsOf = (line: string, isCommand: boolean): string[] =>
  [...line.matchAll(/"((?:\\.|[^"\\])*)"|[^\s"]+/g)].map(([whole, quoted]) => {
    const plain = (quoted === undefined ? whole : quoted.replace(/\\(.)/g, '$1')).replaceAll('%%', '%');
    return isCommand ? plain.replaceAll('$$', '$') : plain;
  });

test('the words of a unit are what systemd makes of them', () => {
  const lines = systemdText(job(nasty), '1d').split('\n');
  const start = lines.find((line) => line.startsWith('ExecStart='))?.slice('ExecStart='.length) ?? '';
  expect(wordsOf(start, true)).toEqual(job(nasty).program);
  // One alone begins the name of a variable.
  expect(start.replaceAll('$$', '')).not.toContain('$');
  const variables = lines.filter((line) => line.startsWith('Environment=')).map((line) => line.slice(12));
  expect(variables.flatMap((line) => wordsOf(line, false))).toEqual(nasty.map((word, at) => `V${at}=${word}`));
});

const globals = (more: Partial<Globals>): Globals => ({ asOwner: false, ...more }) as Globals;
const of = (env: Record<string, string>, more: Partial<Globals> = {}) =>
  jobOf(fakeIo({ env, home: '/home/ada', cwd: '/home/ada/work' }).io, globals({ vault: '/v.db', ...more }));

describe('nothing secret is in it, and what is missing is said', () => {
  test.each(['MOBIUS_VAULT_KEY', 'MOBIUS_VAULT_PASSPHRASE', 'PGPASSWORD'])('%s', async (name) => {
    const found = await of({ [name]: 'fake-secret' });
    expect(JSON.stringify(found)).not.toContain('fake-secret');
    expect(found.missing.join()).toContain(`${name} is secret`);
  });

  test('an API key, a proxy with a password, a descriptor', async () => {
    const found = await of(
      { HTTPS_PROXY: 'http://ada:fake-secret@proxy:1' },
      { apiKey: 'fake-secret', passphraseFd: 3 },
    );
    expect(JSON.stringify(found)).not.toContain('fake-secret');
    expect(found.missing).toHaveLength(3);
  });

  test('a proxy without one is in it', async () => {
    const found = await of({ HTTPS_PROXY: 'http://proxy:1', NO_PROXY: 'local' });
    expect(found.variables).toMatchObject({ HTTPS_PROXY: 'http://proxy:1', NO_PROXY: 'local' });
    expect(found.missing).toEqual([]);
  });

  test('a line end in a path would begin another job', async () => {
    await expect(of({}, { vault: '/a\n* * * * * id' })).rejects.toThrow('control characters');
  });
});
