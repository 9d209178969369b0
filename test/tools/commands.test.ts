import { describe, expect, it } from 'vitest';
import { commandsFile, readCommands, type Tree, withCommandTable } from '../../src/tools/commands.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { folderWith, sampleFolder } from './sample.ts';

const adopt = `export default { kind: 'operation', spec: {
  operation: 'cats.adopt',
  args: [{ name: 'name', description: 'whom' }],
  flags: { notes: { hidden: true } },
  extra: [{ name: 'from', value: 'FILE', description: 'where it is written' }],
  confirm: () => 'sure?',
  examples: [],
} };`;

const files = {
  'index.ts': `export const nouns = {
    purr: { summary: 'make a sound' },
    dogs: { summary: 'not built yet' },
    cats: { summary: 'who lives here', alias: 'cat' },
  };
  export const aliases = { take: ['cats', 'adopt'] };`,
  'cats/list.ts': `export default { kind: 'operation', spec: { operation: 'cats.list', examples: [] } };`,
  'cats/adopt.ts': adopt,
  'purr.ts': `export default { kind: 'local', spec: { summary: 'purr | hum', examples: [], run: async () => 0 } };`,
};

const treeOf = (changes: Readonly<Record<string, string>> = {}): Promise<Tree> =>
  readCommands(folderWith({ ...files, ...changes }), readSchemas(sampleFolder()));

describe('reading the commands', () => {
  it('takes the words from the path and the summary from the schema or the command', async () => {
    const { nouns, pages } = await treeOf();
    expect(pages.map(({ noun, verb, summary }) => [noun, verb, summary])).toEqual([
      ['purr', '', 'purr | hum'],
      ['cats', 'adopt', 'adopt a cat'],
      ['cats', 'list', 'list cats'],
    ]);
    expect(Object.keys(nouns)).toEqual(['purr', 'cats']);
  });

  it('sets apart what no person types, and the command line finds it all the same', async () => {
    const hidden = `export default { kind: 'local', spec: { summary: 'x', hidden: true, examples: [], run: async () => 0 } };`;
    const tree = await treeOf({ 'cats/mew.ts': hidden });
    expect(tree.pages.map(({ verb }) => verb)).not.toContain('mew');
    expect(commandsFile(tree)).toMatch(
      /mew: \{\s*summary: 'x',\s*hidden: true,\s*load: \(\) => import\('..\/commands\/cats\/mew.ts'\)/,
    );
  });

  it('knows the flags that the help shows', async () => {
    const { pages } = await treeOf();
    const own = pages[1]?.flags.filter(({ from, negates }) => from !== 'global' && negates !== true);
    expect(own?.map(({ name }) => name).sort()).toEqual(
      ['colour', 'lives', 'indoor', 'born-at', 'friends', 'moods', 'tag', 'collar', 'pins', 'doors', 'from', 'file']
        .concat(['yes', 'dry-run'])
        .sort(),
    );
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['a noun that the index does not name', { 'birds/list.ts': files['cats/list.ts'] }, 'does not name "birds"'],
    [
      'a file that is no command',
      { 'cats/words.ts': 'export const words = 1;' },
      'its default export is not a command',
    ],
    ['three words', { 'cats/toys/list.ts': files['cats/list.ts'] }, 'a noun and a verb, not more'],
    [
      'an operation without a schema',
      { 'cats/groom.ts': adopt.replace('cats.adopt', 'cats.groom') },
      'cats/groom.ts: no schema',
    ],
    [
      'an alias of nothing',
      { 'index.ts': files['index.ts'].replace("'adopt'", "'groom'") },
      '"take" stands for no command',
    ],
  ])('refuses %s', async (_what, changes, message) => {
    await expect(treeOf(changes)).rejects.toThrow(message);
  });
});

it('writes the table that the command line loads from', async () => {
  expect(commandsFile(await treeOf())).toContain(`Readonly<Record<string, Verbs>> = {
  get purr(): Verbs {
    return { '': { summary: 'purr | hum', load: () => import('../commands/purr.ts') } };
  },
  get cats(): Verbs {
    return {
      adopt: { summary: 'adopt a cat', load: () => import('../commands/cats/adopt.ts') },
      list: { summary: 'list cats', load: () => import('../commands/cats/list.ts') },
    };
  },
};`);
});

describe('the command table of the README', () => {
  it('is put between its marks, again and again', async () => {
    const tree = await treeOf();
    const once = withCommandTable('a\n<!-- commands:begin -->\nold\n<!-- commands:end -->\nb\n', tree);
    expect(once).toBe(`a
<!-- commands:begin -->
| command | what it does |
| --- | --- |
| \`mobius purr\` | purr \\| hum |
| \`mobius cats adopt\` | adopt a cat |
| \`mobius cats list\` | list cats |
<!-- commands:end -->
b
`);
    expect(withCommandTable(once, tree)).toBe(once);
  });

  it('changes nothing where there is no place for it', async () => {
    expect(withCommandTable('# mobius\n', await treeOf())).toBe('# mobius\n');
  });
});
