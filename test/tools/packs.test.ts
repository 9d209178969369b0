import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { packsOf } from '../../src/tools/packs.ts';

/** The packs of a program of these files, and what it puts on `told` when it is run from them. */
const packed = async (files: Readonly<Record<string, string>>, changed = (text: string): string => text) => {
  const result = await build({
    entryPoints: ['main'],
    bundle: true,
    splitting: true,
    format: 'esm',
    write: false,
    metafile: true,
    outdir: 'out',
    external: ['outside'],
    plugins: [
      {
        name: 'files',
        setup: ({ onResolve, onLoad }) => {
          onResolve({ filter: /^[a-z]+$/ }, ({ path }) => (path in files ? { path, namespace: 'given' } : undefined));
          onLoad({ filter: /.*/, namespace: 'given' }, ({ path }) => ({ contents: files[path] ?? '' }));
        },
      },
    ],
  });
  const packs = packsOf(result, { main: 'given:main', packs: { main: ['given:near'] }, rest: 'others' });
  const read: string[] = [];
  const told: unknown[] = [];
  const require = (name: string): unknown => {
    if (name === 'outside') return { name: 'from outside' };
    read.push(name);
    const module = { exports: {} };
    const { text } = packs.find((one) => `./${one.name}.cjs` === name) ?? { text: '' };
    new Function('require', 'module', 'exports', 'told', changed(text))(require, module, module.exports, told);
    return module.exports;
  };
  require('./main.cjs');
  await new Promise((done) => setImmediate(done));
  return { packs, read, told };
};

const near = "import { name } from 'shared'; export const say = () => name;";
const shared = "export const name = 'one'; told.push('shared');";

test('what is not needed is not run, and a file is read when the first of its parts is', async () => {
  const main = "if (told.length > 9) import('far'); import('near').then(({ say }) => told.push(say()));";
  const { packs, read, told } = await packed({ main, near, shared, far: "told.push('far');" });
  expect(packs.map(({ name }) => name)).toEqual(['main', 'others']);
  expect(read).toEqual(['./main.cjs']);
  expect(told).toEqual(['shared', 'one']);
});

test('what two parts need is made once, in whichever files they are', async () => {
  const main = `
    import('far').then(({ default: say }) => told.push(say()));
    import('near').then(({ say }) => told.push(say()));`;
  const far = "import { name } from 'shared'; export default () => 'far ' + name;";
  const { packs, read, told } = await packed({ main, near, shared, far });
  expect(read).toEqual(['./main.cjs', './others.cjs']);
  expect(told).toEqual(['shared', 'far one', 'one']);
  expect(packs.map(({ parts }) => Object.values(parts).flat().sort())).toEqual([
    ['given:main', 'given:near', 'given:shared'],
    ['given:far'],
  ]);
});

test('what comes from outside is all of it, its default, or a part of it', async () => {
  const main = `
    import whole, { name as called } from 'outside';
    import * as all from 'outside';
    told.push(whole.name, called, all.name);
    import('outside').then(({ default: whole, name }) => told.push(whole.name, name));
    import('near');`;
  const { told } = await packed({ main, near, shared });
  expect(told.filter((one) => one !== 'shared')).toEqual(Array(5).fill('from outside'));
});

test('a library that is no ES module is its default, and has the names that it exports', async () => {
  const main = `
    import('near');
    import('old').then(({ default: whole, name }) => told.push(whole.name, name));`;
  const { told } = await packed({ main, near, shared, old: "exports.name = 'from of old';" });
  expect(told.filter((one) => one !== 'shared')).toEqual(['from of old', 'from of old']);
});

test.each(['name = "two"', '[name] = ["two"]', 'name++'])(
  'what is changed after it was exported would be the old one to others: %s',
  async (change) => {
    const changing = `export let name = 'one'; told.push(() => { ${change}; });`;
    const main = "import('near'); import('far');";
    const far = "import { name } from 'shared'; told.push(name);";
    await expect(packed({ main, near, far, shared: changing })).rejects.toThrow('exports name, and changes it');
  },
);

test('a file of another build is refused', async () => {
  const main = "import('near'); import('far').catch(({ message }) => told.push(message));";
  const another = (text: string): string => text.replace(/exports\.build="./, 'exports.build="-');
  const { told } = await packed({ main, near, shared, far: "told.push('far');" }, another);
  expect(told).toEqual(['shared', expect.stringMatching(/^another build was put in the place of this one/)]);
});

test('a part that no source begins with is told', async () => {
  await expect(packed({ main: "told.push('main');" })).rejects.toThrow('no part begins with given:near');
});
