import { SourceMap } from 'node:module';
import { build, transform } from 'esbuild';
import { expect, test } from 'vitest';
import { packsOf } from '../../src/tools/packs.ts';
import { mapLines } from '../../src/tools/source-lines.ts';

const names = ['main', 'other', 'late'];

/** Each says the number of its line, and thousands for its name: a number is never put on two lines. */
const lines = (name: string, before: string): string =>
  [before, '', ...Array.from({ length: 9 }, (_, at) => `say(${1000 * (names.indexOf(name) + 1) + at + 3});`), ''].join(
    '\n',
  );

const files: Readonly<Record<string, string>> = {
  main: lines('main', "import { say } from 'other'; import('late');"),
  other: `${lines('other', '')}\nexport function say(aLongName) { return [aLongName, 2013]; }`,
  late: lines('late', "import { say } from 'other';"),
};

test('every place of the program that was made shorter leads to the line it is from', async () => {
  const given = await build({
    entryPoints: ['main'],
    bundle: true,
    splitting: true,
    format: 'esm',
    write: false,
    metafile: true,
    sourcemap: 'external',
    minifyWhitespace: true,
    lineLimit: 40,
    outdir: 'out',
    plugins: [
      {
        name: 'files',
        setup: ({ onResolve, onLoad }) => {
          onResolve({ filter: /^[a-z]+$/ }, ({ path }) => ({ path, namespace: 'given' }));
          onLoad({ filter: /.*/, namespace: 'given' }, ({ path }) => ({ contents: files[path] ?? '' }));
        },
      },
    ],
  });
  const seen: string[] = [];
  const packs = packsOf(given, { main: 'given:main', packs: {}, rest: 'others' });
  expect(packs.map(({ name }) => name)).toEqual(['main', 'others']);
  for (const { text, pieces } of packs) {
    const head = '(function (\nexports) {';
    const { code, map } = await transform(`${head}${text}})`, {
      minifyIdentifiers: true,
      minifyWhitespace: true,
      lineLimit: 50,
      sourcemap: 'external',
    });
    expect(code).not.toContain('aLongName');
    const told = JSON.parse(mapLines(head, text, pieces, JSON.parse(map).mappings));
    const sources = new SourceMap(told);
    for (const [row, line] of code.split('\n').entries()) {
      for (const { index, 0: number } of line.matchAll(/\b[123]0\d\d\b/g)) {
        expect(sources.findEntry(row, index)).toMatchObject({
          originalSource: `given:${names[Math.floor(Number(number) / 1000) - 1]}`,
          originalLine: (Number(number) % 1000) - 1,
        });
        seen.push(number);
      }
    }
  }
  expect(seen).toHaveLength(28);
});
