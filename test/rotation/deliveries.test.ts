import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Globals } from '../../src/cli/command.ts';
import { deliveriesPath, type Entry, entriesIn, isAbout, readDeliveries } from '../../src/rotation/deliveries.ts';
import { changeDeliveries, changedText } from '../../src/rotation/deliveries-write.ts';
import { isSameTarget, targetOf } from '../../src/rotation/target.ts';
import { fakeIo, newFolder } from '../cli/fake-io.ts';

let home: string;
let path: string;

beforeEach(() => {
  home = newFolder();
  path = join(home, '.config', 'mobius', 'rotations.toml');
});

const ioAs = (uid = process.getuid?.()) => ({ ...fakeIo({ home, cwd: home }).io, uid });

const ci: Entry = {
  subject: 'api-keys/ci',
  project: 'default',
  target: 'https://mobius.example.com',
  deliver: ['file:/etc/ci/key', 'exec:systemctl reload ci'],
  verify: 'curl -fsS "$URL"',
  wait_for_use: '10m',
};
const db: Entry = {
  subject: 'secrets/db/prod',
  project: 'staging',
  target: 'https://mobius.example.com',
  deliver: [],
  generate: ['password:40'],
};

const put = (text: string, mode = 0o600): void => {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
};

const problemOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing is wrong';
};

describe('the file', () => {
  test('is written whole, for its owner alone, and read again as it was', async () => {
    expect(readDeliveries(ioAs())).toEqual([]);
    expect(await changeDeliveries(ioAs(), ci, ci)).toBe(true);
    expect(await changeDeliveries(ioAs(), db, db)).toBe(true);
    expect(readDeliveries(ioAs())).toEqual([ci, db]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(path, '..'))).toEqual(['rotations.toml']);
    expect(await changeDeliveries(ioAs(), ci, undefined)).toBe(true);
    expect(await changeDeliveries(ioAs(), ci, undefined)).toBe(false);
    expect(readDeliveries(ioAs())).toEqual([db]);
  });

  test('loses nothing when many write it at once', async () => {
    const entries = Array.from({ length: 20 }, (_, at): Entry => ({ ...ci, subject: `api-keys/ci-${at}` }));
    await Promise.all(entries.map((entry) => changeDeliveries(ioAs(), entry, entry)));
    expect(new Set(readDeliveries(ioAs()).map(({ subject }) => subject)).size).toBe(20);
  });

  test('keeps what a person wrote around an entry', () => {
    const text = [
      '# the machine of the workers',
      '',
      '# ci: ask Ada',
      '[[delivery]]',
      'subject = "api-keys/ci"',
      'target = "https://mobius.example.com"',
      'deliver = ["file:/ci.key"] # a mount',
      '',
      '# the database',
      '[[ delivery ]]',
      'subject = "secrets/db/prod"',
      'project = "staging"',
      'target = "https://mobius.example.com/"',
      "exec = '''",
      'make-one',
      "'''",
      '',
    ].join('\n');
    const changed = changedText(text, path, db, undefined);
    expect(changed).toContain('# ci: ask Ada\n[[delivery]]\nsubject = "api-keys/ci"');
    expect(changed).toContain('# a mount');
    expect(entriesIn(changed, path).map(({ subject }) => subject)).toEqual(['api-keys/ci']);
    const other = changedText(text, path, ci, ci);
    expect(other).toContain('# ci: ask Ada\n[[delivery]]\nsubject = "api-keys/ci"\nproject = "default"');
    expect(other).toContain('\n\n# the database\n[[ delivery ]]\nsubject = "secrets/db/prod"');
    expect(entriesIn(other, path)).toEqual([ci, expect.objectContaining({ subject: 'secrets/db/prod' })]);
  });

  test('says the same after a change where it can not be cut', () => {
    const inline = 'delivery = [{ subject = "api-keys/a", target = "/v", deliver = ["exec:a"] }]\n';
    expect(entriesIn(changedText(inline, path, ci, ci), path)).toEqual([
      { subject: 'api-keys/a', project: 'default', target: '/v', deliver: ['exec:a'] },
      ci,
    ]);
    const tricky = [
      '[[delivery]]',
      'subject = "api-keys/a"',
      'target = "/v"',
      'deliver = ["""exec:cat <<END',
      '[[delivery]]',
      'END"""]',
      '[[delivery]]',
      'subject = "api-keys/b"',
      'target = "/v"',
      'deliver = ["exec:b"]',
    ].join('\n');
    const without = changedText(tricky, path, { subject: 'api-keys/b', project: 'default', target: '/v' }, undefined);
    expect(entriesIn(without, path)).toEqual([
      { subject: 'api-keys/a', project: 'default', target: '/v', deliver: ['exec:cat <<END\n[[delivery]]\nEND'] },
    ]);
  });
});

test('what a server calls something is written only where it is a name', async () => {
  await changeDeliveries(ioAs(), ci, ci);
  const before = readFileSync(path, 'utf8');
  const named = { ...ci, subject: 'api-keys/\u001b[2J' };
  await expect(changeDeliveries(ioAs(), named, named)).rejects.toThrow('"subject" must be api-keys/NAME');
  expect(readFileSync(path, 'utf8')).toBe(before);
});

describe('whoever else could change it could run commands as its owner', () => {
  test.each([
    ['the file', 0o640, 0o700, 'can be read or changed by others'],
    ['the file', 0o602, 0o700, 'can be read or changed by others'],
    ['its folder', 0o600, 0o770, 'others could put another "rotations.toml"'],
    ['its folder', 0o600, 0o702, 'others could put another "rotations.toml"'],
  ])('%s with modes %o and %o', (_, mode, folderMode, problem) => {
    put('', mode);
    chmodSync(join(path, '..'), folderMode);
    expect(problemOf(() => readDeliveries(ioAs()))).toContain(problem);
  });

  test('a file of another user', () => {
    put('');
    expect(problemOf(() => readDeliveries(ioAs(12_345)))).toContain('belongs to another user');
  });

  test('a link into a folder of others', () => {
    const open = join(home, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    writeFileSync(join(open, 'file'), '', { mode: 0o600 });
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    symlinkSync(join(open, 'file'), path);
    expect(problemOf(() => readDeliveries(ioAs()))).toContain(`into "${open}"`);
  });

  test('a named pipe is not waited for', () => {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    execFileSync('mkfifo', ['-m', '600', path]);
    expect(problemOf(() => readDeliveries(ioAs()))).toContain('is no ordinary file');
  });

  test('and then it is not written either', async () => {
    put('# mine\n', 0o644);
    await expect(changeDeliveries(ioAs(), ci, ci)).rejects.toThrow('can be read or changed by others');
    expect(readFileSync(path, 'utf8')).toBe('# mine\n');
  });
});

describe('what is wrong in it is said, and where', () => {
  const table = (lines: string): string => `[[delivery]]\nsubject = "api-keys/ci"\ntarget = "/v"\n${lines}\n`;
  test.each([
    ['[[delivery', 'is not valid TOML, see line'],
    ['key = "mbx_fake"', 'not "key"'],
    ['[delivery]\nsubject = "api-keys/ci"', 'in two brackets each'],
    [table(''), 'nothing says where the new key is delivered to'],
    [table('deliver = []'), '"deliver" must be a list of texts'],
    [table('deliver = "exec:a"'), '"deliver" must be a list of texts'],
    [table('deliver = ["exec:a"]\nverifi = "x"'), 'there is no "verifi" in a delivery'],
    [table('deliver = ["exec:a"]\nverify = 1'), '"verify" must be a text'],
    [table('deliver = ["exec:a"]\nwait_for_use = "2d"'), '"wait_for_use" must be a duration up to 24h'],
    [table('deliver = ["/etc/key"]'), 'must be file:PATH or exec:COMMAND'],
    [table('deliver = ["file:key"]'), 'must name its file from the root'],
    [table('deliver = ["exec:a"]\ngenerate = ["a"]'), 'make the values of secrets'],
    ['[[delivery]]\nsubject = "ci"\ntarget = "/v"', '"subject" must be api-keys/NAME'],
    ['[[delivery]]\nsubject = "api-keys/ci"', '"target" is missing'],
    ['[[delivery]]\nsubject = "secrets/a"\ntarget = "/v"', 'either generate or exec'],
    ['[[delivery]]\nsubject = "secrets/a"\ntarget = "/v"\nexec = "a"\ndeliver = ["file:/a"]', 'by one exec:COMMAND'],
    [table('deliver = ["exec:a"]') + table('deliver = ["exec:b"]'), 'twice: in delivery 1 and 2'],
  ])('%j', (text, problem) => {
    put(text);
    const said = problemOf(() => readDeliveries(ioAs()));
    expect(said).toContain(problem);
    expect(said).toContain(deliveriesPath(ioAs()));
    expect(said).not.toContain('mbx_fake');
  });
});

describe('an entry is for one target', () => {
  test('another server with a key of the same name gets nothing of it', () => {
    expect(isAbout(ci, ci)).toBe(true);
    for (const target of [
      'https://evil.example.com',
      'http://mobius.example.com',
      '/v',
      'https://mobius.example.com/x',
    ])
      expect(isAbout(ci, { ...ci, target })).toBe(false);
    expect(isAbout(ci, { ...ci, project: 'staging' })).toBe(false);
  });

  test('however that is written', () => {
    expect(isSameTarget('https://Mobius.example.com:443/', 'https://mobius.example.com')).toBe(true);
    expect(isSameTarget('postgres://a:fake@db/m', 'postgres://a@db/m')).toBe(true);
    const vault = join(home, 'vault.db');
    writeFileSync(vault, '');
    symlinkSync(vault, join(home, 'link.db'));
    expect(isSameTarget(join(home, 'link.db'), vault)).toBe(true);
  });

  test('and no credential is a part of it', async () => {
    const globals = (more: Partial<Globals>) => more as Globals;
    expect(await targetOf(ioAs(), globals({ apiUrl: 'https://mobius.example.com/', apiKey: 'mbx_fake' }))).toBe(
      'https://mobius.example.com',
    );
    expect(await targetOf(ioAs(), globals({ vault: 'postgres://a:fake@db/m' }))).not.toContain('fake');
    expect(await targetOf(ioAs(), globals({ vault: 'v.db' }))).toBe(join(home, 'v.db'));
  });
});
