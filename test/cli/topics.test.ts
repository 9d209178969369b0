import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { product } from '../../src/cli/product.ts';
import { run } from '../../src/cli/run.ts';
import { secondsFrom, timeFrom } from '../../src/cli/times.ts';
import { pagesOfTopics } from '../../src/cli/topics/all.ts';
import { holdsReference, referencesIn } from '../../src/use/references.ts';
import { fakeIo, now } from './fake-io.ts';

const names = Object.keys(product.topics);

const outcome = async (argv: readonly string[]) => {
  const { io, stdout, stderr } = fakeIo({ argv, terminal: true });
  return { code: await run(io), stdout: stdout(), stderr: stderr() };
};

/** The labels of a topic's tables, or of the one with this title. */
const labelsOf = (name: string, title?: string): string[] =>
  (pagesOfTopics[name]?.blocks ?? []).flatMap((block) =>
    'rows' in block && (title === undefined || block.title === title) ? block.rows.map(([label]) => label) : [],
  );

test('every topic that is listed has a page, and every page is listed', async () => {
  expect(Object.keys(pagesOfTopics)).toEqual(names);
  const { stdout } = await outcome(['--help']);
  for (const name of names) expect(stdout).toMatch(new RegExp(`\\n {2}${name} +\\S`));
});

describe.each(names)('mobius help %s', (name) => {
  test('is a page of 80 columns that says where to go on', async () => {
    const { code, stdout, stderr } = await outcome(['help', name]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^mobius help ${name}: \\S`));
    expect(stdout).toMatch(/\nexamples:\n {2}mobius /);
    expect(stdout).toMatch(/\nsee also: mobius [\s\S]*\n$/);
    expect(stdout.split('\n').filter((row) => stringWidth(row) > 80)).toEqual([]);
  });

  test('is meant by a word that is nearly it, and by the word alone', async () => {
    const { code, stderr } = await outcome(['help', `${name.slice(0, -2)}s`]);
    expect(code).toBe(2);
    expect(stderr).toContain(`did you mean: mobius help ${name}`);
    expect((await outcome([name])).stderr).toContain(`did you mean: mobius help ${name}`);
    expect((await outcome(['help', name, 'more'])).code).toBe(2);
  });
});

test('what stands before and behind help is help too', async () => {
  const root = await outcome([]);
  for (const argv of [['help'], ['help', 'help'], ['help', '--help'], ['help', '--project', 'x']]) {
    expect(await outcome(argv)).toEqual(root);
  }
  const noun = await outcome(['secrets']);
  for (const argv of [
    ['secrets', 'help'],
    ['secret', 'help'],
    ['help', 'secrets'],
  ]) {
    expect(await outcome(argv)).toEqual(noun);
  }
  expect(await outcome(['secrets', 'help', 'create'])).toEqual(await outcome(['secrets', 'create', '--help']));
  expect((await outcome(['secrets', 'help', 'creat'])).stderr).toContain('did you mean: mobius secrets create');
});

/** The program without what only builds it. */
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/^(tools|generated|cli.topics)\b/.test(path))
  .map((path) => readFileSync(join('src', path), 'utf8'));

const found = (pattern: RegExp): string[] => [
  ...new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, name = '']) => name))),
];

test('every variable that the program reads or sets stands on the page about them', () => {
  // The build puts these in: they are no variables of a process.
  const declared = found(/declare const (\w+)/g);
  const ours = found(/\b(MOBIUS_[A-Z_]*[A-Z])\b/g).filter((name) => !declared.includes(name));
  const others = [
    ...found(/\benv\.([A-Z][A-Z0-9_]+)\b/g),
    ...found(/\b(?:(?:folderNamed|variable|variableIn)\(\w+, |variable: )'([A-Z][A-Za-z_]+)'/g),
  ];
  expect(ours.length).toBeGreaterThan(20);
  expect(others).toEqual(expect.arrayContaining(['VISUAL', 'XDG_CONFIG_HOME', 'NO_PROXY']));
  const page = labelsOf('environment').flatMap((label) => label.split(', '));
  const told = [...page, 'TERM'];
  expect([...ours, ...others].filter((name) => !told.includes(name))).toEqual([]);
  expect(page.filter((name) => name.startsWith('MOBIUS_') && !ours.includes(name))).toEqual([]);
});

test('the times and durations that the page shows are understood', () => {
  for (const label of labelsOf('formatting', 'times and durations')) {
    const understood = timeFrom(label, now) ?? secondsFrom(label);
    expect(understood, label).toBeDefined();
  }
});

test('the forms of output are those that there are', () => {
  expect(labelsOf('formatting', '-o, --output')).toEqual(['auto', 'pretty', 'json', 'yaml', 'text']);
});

test('the references that the page shows are understood', () => {
  const [first = '', second = '', text = ''] = labelsOf('references', 'what is written');
  expect(referencesIn(first, 'it')).toEqual(['openai.api_key']);
  expect(referencesIn(second, 'it')).toEqual(['db/prod@3.password']);
  expect({ holds: holdsReference(text), names: referencesIn(text, 'it') }).toEqual({ holds: true, names: [] });
});
