import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { projectAround, readProjectFile, setTrust } from '../../src/cli/project-file.ts';
import type { Io } from '../../src/io.ts';
import { fakeIo } from './fake-io.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'mobius-project-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let io: Io;
let count = 0;
beforeEach(() => {
  folder = join(root, `${count++}`);
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  ({ io } = fakeIo({ cwd: join(folder, 'a', 'b'), env: { MOBIUS_CONFIG_DIR: join(folder, 'config') } }));
});

const write = (text: string, ...path: string[]): string => {
  const file = join(folder, ...path, 'mobius.json');
  writeFileSync(file, text);
  return file;
};
const trust = async (file: string): Promise<void> => setTrust(io, await readProjectFile(io, file), true);

const fakeKey = `mbx_${'0'.repeat(49)}`;

describe('what it may hold', () => {
  const isValid = new Ajv2020({ strict: true }).compile(
    JSON.parse(readFileSync('schemas/mobius.schema.json', 'utf8')) as object,
  );

  test.each([
    ['{}', true],
    ['{"$schema":"./mobius.schema.json","project":"shop","profile":"team","env":{"A":"${secret:a.b}"}}', true],
    ['{"project":"Shop"}', false],
    ['{"project":""}', false],
    ['{"project":7}', false],
    [`{"project":"${'a'.repeat(64)}"}`, false],
    ['{"profile":"--evil"}', false],
    ['{"profile":null}', false],
    [`{"profile":"${'a'.repeat(129)}"}`, false],
    ['{"env":{"A":1}}', false],
    ['{"env":["A=1"]}', false],
    ['{"api_url":"https://evil.example.com"}', false],
    ['[]', false],
    ['"text"', false],
    ['null', false],
  ])('%s: %s, by the schema and by the program', async (text, expected) => {
    expect(isValid(JSON.parse(text))).toBe(expected);
    const read = readProjectFile(io, write(text));
    if (expected) await expect(read).resolves.toMatchObject({ sha256: expect.stringMatching(/^\w{64}$/) });
    else await expect(read).rejects.toMatchObject({ code: 'usage' });
  });

  test.each([
    fakeKey,
    `Bearer ${fakeKey}`,
    'eyJhbGciOiJub25lIn0.eyJhIjoxfQ.ZmFrZQ',
    '-----BEGIN RSA PRIVATE KEY-----\\nfake',
  ])('no credential: %s', async (text) => {
    const refused = readProjectFile(io, write(`{"env":{"TOKEN":"${text}"}}`));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('"TOKEN"') });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(text) });
  });
});

describe('which one is used', () => {
  test('none where there is none', async () => {
    expect(await projectAround(io)).toBeUndefined();
  });

  test('the nearest, in the working folder or around it', async () => {
    const outer = write('{"project":"outer"}');
    await trust(outer);
    expect(await projectAround(io)).toMatchObject({ path: outer, file: { project: 'outer' } });
    const inner = write('{"project":"inner"}', 'a');
    expect(await projectAround(io)).toEqual({ path: inner, untrusted: expect.stringContaining('nobody'), says: true });
    await trust(inner);
    expect(await projectAround(io)).toMatchObject({ path: inner, file: { project: 'inner' } });
  });

  test('as it was trusted and not otherwise, whatever it became', async () => {
    const file = write('{"project":"one"}');
    await trust(file);
    for (const text of ['{"project":"two"}', '{', '{"project":"one"} ']) {
      write(text);
      const found = await projectAround(io);
      expect(found).toMatchObject({ untrusted: expect.stringContaining('changed') });
      expect(found).not.toHaveProperty('file');
    }
    write('{"project":"one"}');
    expect(await projectAround(io)).toMatchObject({ file: { project: 'one' } });
  });

  test('a link is the file that it leads to', async () => {
    const file = write('{"project":"one"}');
    symlinkSync(file, join(folder, 'a', 'b', 'mobius.json'));
    expect(await projectAround(io)).toMatchObject({ path: file });
    await trust(join(folder, 'a', 'b', 'mobius.json'));
    expect(await projectAround(io)).toMatchObject({ path: file, file: { project: 'one' } });
  });
});
