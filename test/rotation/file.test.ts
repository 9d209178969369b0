import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { fileDeliveries } from '../../src/rotation/file.ts';
import type { Delivery } from '../../src/rotation/plan.ts';
import { fakeIo, newFolder } from '../cli/fake-io.ts';

/** A file that somebody else may have their hands in. */

const id = 'rot_01kdwhnx00f0000000000000zz';
const handed = { text: 'mbx_new', variables: {}, hidden: [] };

let cwd: string;
beforeEach(() => {
  cwd = newFolder();
});

const deliveries = (...paths: string[]): Delivery[] => fileDeliveries(fakeIo({ cwd }).io, paths, '"deliver"');
const [first, second] = ['first', 'second'];
const held = (name: string): string => readFileSync(join(cwd, name), 'utf8');

test.each([
  ['twice', first, first],
  ['by its name and by a link', first, 'link'],
])('is not delivered to %s', (_, ...paths) => {
  writeFileSync(join(cwd, first), 'old\n');
  symlinkSync(first, join(cwd, 'link'));
  const both = deliveries(...paths);
  expect(() => {
    for (const one of both) one.prepare(id);
  }).toThrow(`the new key is delivered to "${join(cwd, first)}" twice`);
  for (const one of both) one.discard();
  expect(readdirSync(cwd).sort()).toEqual([first, 'link']);
  expect(held(first)).toBe('old\n');
});

test('a link that is turned meanwhile leads to nothing else', async () => {
  for (const name of [first, second]) writeFileSync(join(cwd, name), `${name}\n`);
  const link = join(cwd, 'link');
  const turn = (to: string): void => {
    rmSync(link, { force: true });
    symlinkSync(to, link);
  };
  turn(first);
  const [delivery] = deliveries('link');
  delivery?.prepare(id);
  turn(second);
  await delivery?.deliver(handed, id);
  expect([held(first), held(second)]).toEqual(['mbx_new\n', 'second\n']);
  delivery?.putBack?.(id);
  delivery?.discard();
  expect([held(first), held(second)]).toEqual(['first\n', 'second\n']);
  expect(readdirSync(cwd).sort()).toEqual([first, 'link', second]);
});

test('what can not be written says where it was named', () => {
  const [delivery] = deliveries('missing/key');
  expect(() => delivery?.prepare(id)).toThrow(`"deliver" can't write "missing/key": no such folder`);
});
