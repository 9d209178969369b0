import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDelivery } from '../../src/cli/deliver.ts';
import { fakeIo, newFolder } from './fake-io.ts';

const setUp = () => {
  const cwd = newFolder();
  const fake = fakeIo({ cwd });
  return { ...fake, cwd, open: (path: string) => openDelivery(fake.io, path) };
};

describe('a file for a one-time value', () => {
  test('gets it whole, and nobody else may read it', () => {
    const { cwd, open } = setUp();
    const delivery = open('ci.key');
    expect(existsSync(join(cwd, 'ci.key'))).toBe(false);
    delivery.write('mbx_1\n');
    expect(readFileSync(join(cwd, 'ci.key'), 'utf8')).toBe('mbx_1\n');
    expect(statSync(join(cwd, 'ci.key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(cwd)).toEqual(['ci.key']);
  });

  test('is replaced whole, its old mode forgotten', () => {
    const { cwd, open } = setUp();
    const target = join(cwd, 'ci.key');
    writeFileSync(target, 'what was there before, and longer than a key');
    chmodSync(target, 0o644);
    const { ino } = statSync(target);
    open('ci.key').write('mbx_2\n');
    expect(readFileSync(target, 'utf8')).toBe('mbx_2\n');
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(statSync(target).ino).not.toBe(ino);
  });

  test('a link stays a link', () => {
    const { cwd, open } = setUp();
    mkdirSync(join(cwd, 'real'));
    writeFileSync(join(cwd, 'real', 'file'), 'old');
    symlinkSync(join('real', 'file'), join(cwd, 'link'));
    open('link').write('new\n');
    expect(lstatSync(join(cwd, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(cwd, 'real', 'file'), 'utf8')).toBe('new\n');
    expect(readdirSync(join(cwd, 'real'))).toEqual(['file']);
  });

  test('takes a value longer than what was reserved', () => {
    const { cwd, open } = setUp();
    const text = 'x'.repeat(100_000);
    open('long').write(text);
    expect(readFileSync(join(cwd, 'long'), 'utf8')).toBe(text);
  });
});

describe('nothing is left behind', () => {
  test('when it is not written', () => {
    const { cwd, open } = setUp();
    writeFileSync(join(cwd, 'ci.key'), 'old');
    const delivery = open('ci.key');
    expect(readdirSync(cwd)).toHaveLength(2);
    delivery.discard();
    expect(readdirSync(cwd)).toEqual(['ci.key']);
    expect(readFileSync(join(cwd, 'ci.key'), 'utf8')).toBe('old');
  });

  test('when the process is interrupted', () => {
    const { cwd, open, interrupt } = setUp();
    open('ci.key');
    expect(readdirSync(cwd)).toHaveLength(1);
    interrupt();
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('and what was written stays, whatever comes after', () => {
    const { cwd, open, interrupt } = setUp();
    const delivery = open('ci.key');
    delivery.write('mbx_1\n');
    delivery.discard();
    interrupt();
    expect(readdirSync(cwd)).toEqual(['ci.key']);
  });

  test('when the folder is gone', () => {
    const { cwd, open } = setUp();
    mkdirSync(join(cwd, 'folder'));
    const delivery = open('folder/ci.key');
    rmSync(join(cwd, 'folder'), { recursive: true });
    expect(() => delivery.write('mbx_1\n')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    delivery.discard();
  });
});

describe('refused before anything is issued', () => {
  test.each([
    ['missing/ci.key', 'no such folder'],
    ['file/ci.key', 'not a directory'],
    ['folder', 'it is a folder'],
    ['dangling', 'no such file or directory'],
    ['/dev/null', 'it is no ordinary file'],
    ['/dev/stdout', 'it is no ordinary file'],
    ['/dev/fd/1', 'it is no ordinary file'],
    ['/proc/self/fd/1', 'it is no ordinary file'],
  ])('%s', (path, why) => {
    const { cwd, open } = setUp();
    writeFileSync(join(cwd, 'file'), '');
    mkdirSync(join(cwd, 'folder'));
    symlinkSync('nowhere', join(cwd, 'dangling'));
    expect(() => open(path)).toThrow(
      expect.objectContaining({ code: 'usage', message: `--out can't write "${path}": ${why}` }),
    );
    expect(readdirSync(cwd).sort()).toEqual(['dangling', 'file', 'folder']);
    expect(readdirSync(join(cwd, 'folder'))).toEqual([]);
  });

  test('a link of another user to a file that is not theirs', () => {
    const { cwd, io } = setUp();
    const isRoot = process.getuid?.() === 0;
    const target = isRoot ? join(cwd, 'file') : '/etc/hosts';
    if (isRoot) writeFileSync(target, 'old');
    const link = join(cwd, 'link');
    symlinkSync(target, link);
    if (isRoot) lchownSync(link, 12_345, 12_345);
    const uid = isRoot ? 0 : 12_345;
    expect(() => openDelivery({ ...io, uid }, 'link')).toThrow('it is a link that another user made');
    openDelivery({ ...io, uid: lstatSync(link).uid }, isRoot ? 'link' : 'own').discard();
  });

  test('an empty name', () => {
    expect(() => setUp().open('')).toThrow('--out needs the name of a file');
  });
});
