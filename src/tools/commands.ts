import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyCommand } from '../cli/command.ts';
import { type Flag, flagsOf } from '../cli/flags.ts';
import { Code, key, literal } from './literal.ts';
import { inOrder, type Schemas } from './read.ts';
import { fieldsOfOperation } from './tables.ts';

/** One command: its file's path below `src/commands` is what a person types. */
export interface Page {
  noun: string;
  /** Empty where the noun is the whole command. */
  verb: string;
  file: string;
  summary: string;
  command: AnyCommand;
  flags: readonly Flag[];
}

export interface Tree {
  nouns: Readonly<Record<string, { summary: string; alias?: string; group: string }>>;
  aliases: Readonly<Record<string, readonly string[]>>;
  topics: Readonly<Record<string, { summary: string }>>;
  /** In the order of the nouns, then of the verbs. */
  pages: readonly Page[];
  /** Those that only a program types. */
  hidden: readonly Page[];
}

export const wordsOf = ({ noun, verb }: { noun: string; verb: string }): string =>
  verb === '' ? noun : `${noun} ${verb}`;

const summaryAndFlags = (command: AnyCommand, { operations, models }: Schemas): Pick<Page, 'summary' | 'flags'> => {
  if (command.kind === 'local') return { summary: command.spec.summary, flags: flagsOf(command) };
  const operation = operations.find(({ name }) => name === command.spec.operation);
  if (operation === undefined) throw new Error(`no schema describes "${command.spec.operation}"`);
  const fields = fieldsOfOperation(operation, models);
  return { summary: operation.summary, flags: flagsOf(command, { fields, operation }) };
};

const readPage = async (folder: string, file: string, schemas: Schemas): Promise<Page> => {
  const [noun = '', verb = '', ...deeper] = file.replace(/\.ts$/, '').split(sep);
  if (deeper.length > 0) throw new Error(`${file}: a command is a noun and a verb, not more`);
  const loaded = (await import(pathToFileURL(join(folder, file)).href)) as { default?: AnyCommand };
  if (loaded.default?.kind === undefined) throw new Error(`${file}: its default export is not a command`);
  try {
    const command = loaded.default;
    return { noun, verb, file: file.split(sep).join('/'), command, ...summaryAndFlags(command, schemas) };
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
};

const isHidden = ({ command: { spec } }: Page): boolean => 'hidden' in spec && spec.hidden === true;

/** Loads every command below a `src/commands` folder. */
export const readCommands = async (folder: string, schemas: Schemas): Promise<Tree> => {
  const index = (await import(pathToFileURL(join(folder, 'index.ts')).href)) as Pick<
    Tree,
    'nouns' | 'aliases' | 'topics'
  >;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const pages: Page[] = [];
  for (const file of inOrder(files.filter((one) => one !== 'index.ts').map((one) => one.replace(/\.ts$/, '')))) {
    pages.push(await readPage(folder, `${file}.ts`, schemas));
  }
  const order = Object.keys(index.nouns);
  const stray = pages.find(({ noun }) => !order.includes(noun));
  if (stray !== undefined) throw new Error(`${stray.file}: src/commands/index.ts does not name "${stray.noun}"`);
  for (const [alias, words] of Object.entries(index.aliases)) {
    if (!pages.some((page) => wordsOf(page) === words.join(' '))) throw new Error(`"${alias}" stands for no command`);
  }
  return {
    nouns: Object.fromEntries(Object.entries(index.nouns).filter(([name]) => pages.some(({ noun }) => noun === name))),
    aliases: index.aliases,
    topics: index.topics,
    pages: pages.filter((page) => !isHidden(page)).sort((a, b) => order.indexOf(a.noun) - order.indexOf(b.noun)),
    hidden: pages.filter(isHidden),
  };
};

/** `src/generated/commands.ts`: what the help lists and the command line loads. */
export const commandsFile = ({ nouns, pages, hidden }: Tree): string => {
  const row = ({ verb, summary, file }: Page): [string, unknown] => [
    verb,
    {
      summary,
      ...(hidden.some((one) => one.file === file) ? { hidden: true } : {}),
      load: new Code(`() => import('../commands/${file}')`),
    },
  ];
  const entryOf = (name: string): string => {
    const rows = Object.fromEntries([...pages, ...hidden].filter(({ noun }) => noun === name).map(row));
    return `  get ${key(name)}(): Verbs {\n    return ${literal(rows, '    ', '    return ;'.length)};\n  },\n`;
  };
  return `import type { AnyCommand } from '../cli/command.ts';

export interface Entry {
  summary: string;
  hidden?: true;
  load: () => Promise<{ default: AnyCommand }>;
}

type Verbs = Readonly<Record<string, Entry>>;

/** By noun, then by verb; a noun that is the whole command has one entry, without a verb. Made where it is asked for. */
export const commands: Readonly<Record<string, Verbs>> = {
${Object.keys(nouns).map(entryOf).join('')}};
`;
};

const cell = (text: string): string => text.replace(/\|/g, '\\|');

const begin = '<!-- commands:begin -->';
const end = '<!-- commands:end -->';

/** The README with its command table as it must be; as it is where it has no place for one. */
export const withCommandTable = (readme: string, { pages }: Tree): string => {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from === -1 || to < from) return readme;
  const rows = pages.map((page) => `| \`mobius ${wordsOf(page)}\` | ${cell(page.summary)} |`);
  const table = ['| command | what it does |', '| --- | --- |', ...rows].join('\n');
  return `${readme.slice(0, from + begin.length)}\n${table}\n${readme.slice(to)}`;
};
