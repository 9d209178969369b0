import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocksIn } from '../process/blocks.ts';

/** The operation that README.md adds in five steps, added to a copy of the product. */

const folder = mkdtempSync(join(tmpdir(), 'mobius-five-steps-'));
beforeAll(() => {
  for (const name of ['src', 'schemas', 'completions', 'man', 'docs', 'package.json', 'tsconfig.json', 'README.md']) {
    cpSync(name, join(folder, name), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  // What is compiled is the product: the tests stay where they are.
  const config = join(folder, 'tsconfig.json');
  writeFileSync(config, readFileSync(config, 'utf8').replace(/"include": .*/, '"include": ["src"]'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const home = join(folder, 'home');

const run = (program: string, ...args: string[]): { code: number | null; said: string } => {
  const { status, stdout, stderr } = spawnSync(join('node_modules', '.bin', program), args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: home },
    encoding: 'utf8',
  });
  return { code: status, said: stdout + stderr };
};

/** The steps by their number: the file that one names first, and what is to stand in it. */
const steps = (): Record<string, { path: string; text: string }> => {
  const [, chapter = ''] =
    /\n### Adding an operation: five steps\n(.*?)\n###? /s.exec(readFileSync('README.md', 'utf8')) ?? [];
  const parts = chapter.split(/^(?=\d\. )/m).filter((part) => /^\d/.test(part));
  return Object.fromEntries(
    parts.map((part) => [
      part[0],
      { path: /`(\w[\w./-]+\.\w+)`/.exec(part)?.[1] ?? '', text: blocksIn(part)[0]?.text ?? '' },
    ]),
  );
};

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
};

it('is there after them, and nothing else was edited', () => {
  const { 1: schema, 3: handler, 4: command, 5: script, ...others } = steps();
  expect(Object.keys(others)).toEqual(['2']);
  if (!schema || !handler || !command || !script) throw new Error('a step is missing');
  write(schema.path, schema.text);
  expect(run('tsx', 'src/tools/gen.ts')).toMatchObject({ code: 0 });

  expect(run('tsc', '--noEmit').said).toContain('"projects.count"');
  const before = readFileSync(join(folder, handler.path), 'utf8');
  expect(before).toContain("\n  'projects.list': ");
  write(handler.path, before.replace("\n  'projects.list': ", `\n  ${handler.text.trim()}$&`));
  write(command.path, command.text);
  expect(run('tsx', 'src/tools/gen.ts')).toMatchObject({ code: 0 });
  expect(run('tsc', '--noEmit')).toEqual({ code: 0, said: '' });

  mkdirSync(home);
  expect(run('tsx', 'src/main.ts', 'vault', 'init')).toMatchObject({ code: 0 });
  const [line = '', ...shown] = script.text.split('\n');
  const [, ...typed] = line.replace(/^\$ /, '').split(' ');
  expect(run('tsx', 'src/main.ts', ...typed)).toEqual({
    code: 0,
    said: `${shown.join('\n').replaceAll('\\t', '\t')}\n`,
  });
}, 400_000);
