import type { Argument, Takes } from '../../cli/command.ts';
import type { Flag } from '../../cli/flags.ts';
import { asGlobal } from '../../cli/flags.ts';
import { globalFlags } from '../../cli/globals.ts';
import { type NameKind, nameKinds } from '../../cli/names.ts';
import { catalogue } from '../../core/catalogue.ts';
import { type Page, type Tree, wordsOf } from '../commands.ts';

/**
 * What a value can be, word for word; a slash stands for the path of a file or folder, and a kind of names behind a colon
 * for those that there are in the vault.
 */
export type Choices = readonly string[];

/** A flag as a shell offers it. */
export interface Offer {
  /** `--output`, and `-o` where it has a short form. */
  spellings: readonly string[];
  description: string;
  /** The word for its value; absent for a switch. */
  value?: string;
  /** Absent where nothing can be offered. */
  values?: Choices;
  repeatable: boolean;
}

/** An argument as a shell offers it. */
export interface Operand {
  label: string;
  values: Choices;
}

export interface Word {
  name: string;
  summary: string;
}

/** What of a line decides whose names are offered: handed on to mobius, which tells them. */
export const targetFlags: readonly string[] = ['--api-url', '--profile', '--project', '--vault'];

/** All that a completion script knows. */
export interface Words {
  /** First words: nouns and the aliases of whole commands. */
  first: readonly Word[];
  /** Second words, by noun. */
  second: ReadonlyMap<string, readonly Word[]>;
  /** Own flags, by the words of the command. */
  flags: ReadonlyMap<string, readonly Offer[]>;
  /** By the words of the command: its arguments in their order. */
  operands: ReadonlyMap<string, readonly Operand[]>;
  /** What any number of further arguments can be. */
  rest: ReadonlyMap<string, Operand>;
  globals: readonly Offer[];
  /** What an alias stands for: the noun, or the words of a command. */
  aliases: ReadonlyMap<string, string>;
  /** The words of commands that take another program's line: after its first word nothing is ours. */
  lines: readonly string[];
}

/** Where it is told what can be typed: for a flag of one command, or of every command where no two differ; or an argument. */
export interface Values {
  /** The words of the command; `*` for all. */
  words: string;
  /** A flag, or the number of an argument, or `+` for all that follow. */
  spelling: string;
  values: Choices;
}

const same = (a: Offer['values'], b: Offer['values']): boolean => String(a) === String(b);

/** One row a flag and meaning: what several commands agree on is said once. */
export const valuesOf = ({ flags, globals, operands, rest }: Words): readonly Values[] => {
  const own = [...flags].flatMap(([words, offers]) => offers.map((offer) => ({ words, offer })));
  const said = [...own, ...globals.map((offer) => ({ words: '*', offer }))].flatMap(({ words, offer }) =>
    offer.spellings.map((spelling) => ({ words, spelling, values: offer.values })),
  );
  const agreed = (one: (typeof said)[number]): boolean =>
    said.every(({ spelling, values }) => spelling !== one.spelling || same(values, one.values));
  const rows = said.map((row) => (agreed(row) ? { ...row, words: '*' } : row));
  const first = (row: Omit<Values, 'values'>): number =>
    rows.findIndex(({ words, spelling }) => words === row.words && spelling === row.spelling);
  const ofFlags = rows
    .filter((row, index): row is Values => row.values !== undefined && first(row) === index)
    .sort((a, b) => Number(a.words === '*') - Number(b.words === '*'));
  const ofOperands = [...operands].flatMap(([words, list]) =>
    list.flatMap(({ values }, index) => (values.length === 0 ? [] : [{ words, spelling: String(index + 1), values }])),
  );
  const ofRest = [...rest].flatMap(([words, { values }]) =>
    values.length === 0 ? [] : [{ words, spelling: '+', values }],
  );
  return [...ofOperands, ...ofRest, ...ofFlags];
};

/** The properties of inputs that name a record, whatever the operation is. */
const naming: Readonly<Record<string, NameKind>> = {
  secret: 'secrets',
  principal_id: 'principals',
  role_id: 'roles',
  role_ids: 'roles',
  role_name: 'roles',
  project_id: 'projects',
  key_id: 'api-keys',
  user_id: 'users',
  subject: 'subjects',
  rotation: 'rotations',
};

/** An `id` is that of the noun, but for what is no record of its own. */
const nameOf = (words: string, property: string): NameKind | undefined => {
  const [noun = ''] = words.split(' ');
  if (property !== 'id') return naming[property];
  if (words === 'roles delete-assignment') return 'assignments';
  return nameKinds.find((kind) => kind === noun);
};

const permissions: Choices = catalogue.map(({ id }) => id);

/** What is known of a value by the name of the property that it fills, and by what was said of it. */
const choicesOf = (
  words: string,
  {
    property,
    choices = [],
    takes,
  }: { property?: string | undefined; choices?: Choices | undefined; takes?: Takes | undefined },
): Choices | undefined => {
  const kind = takes ?? (property === undefined ? undefined : nameOf(words, property));
  const fixed = property === 'permission' || property === 'permissions' ? permissions : choices;
  const all = [...fixed, ...(kind === undefined ? [] : [kind === 'file' ? '/' : `:${kind}`])];
  return all.length === 0 ? undefined : all;
};

const offer = (flag: Flag, words = ''): Offer => {
  const { name, short, description, value, choices, repeatable, field } = flag;
  const takes = flag.takes ?? (value === 'PATH' || value === 'FILE' ? 'file' : undefined);
  const values = choicesOf(words, { property: field?.name, choices, takes });
  return {
    spellings: [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
    description: description.replace(/\s+/g, ' '),
    ...(value === undefined ? {} : { value }),
    ...(value === undefined || values === undefined ? {} : { values }),
    repeatable: repeatable === true,
  };
};

const operand = (words: string, { label, name, choices, takes }: Argument): Operand => ({
  label: label ?? name,
  values: choicesOf(words, { property: name, choices, takes }) ?? [],
});

const restOf = ({ command: { kind, spec } }: Page): Argument | undefined =>
  kind === 'local' && spec.passesOn !== true ? spec.rest : undefined;

/** Behind `help` stands what there is a page of: its first words, and the verbs of a noun as arguments. */
const helpWords = (
  first: readonly Word[],
  second: ReadonlyMap<string, readonly Word[]>,
  { nouns, topics }: Pick<Tree, 'nouns' | 'topics'>,
): Pick<Words, 'second' | 'operands' | 'flags'> => {
  const asData: Offer = { spellings: ['--json'], description: 'the same as data', repeatable: false };
  const paged = [...first, ...Object.entries(topics).map(([name, { summary }]) => ({ name, summary }))];
  const verbs = [...second].flatMap(([noun, words]): [string, readonly Operand[]][] => {
    const { alias } = nouns[noun] ?? {};
    const operands = [{ label: '<verb>', values: words.map(({ name }) => name) }];
    return [noun, ...(alias === undefined ? [] : [alias])].map((name) => [`help ${name}`, operands]);
  });
  return {
    second: new Map([['help', paged]]),
    operands: new Map(verbs),
    flags: new Map(['help', ...paged.map(({ name }) => `help ${name}`)].map((words) => [words, [asData]])),
  };
};

export const wordsFrom = ({ nouns, aliases, topics, pages }: Tree): Words => {
  const summaryOf = (words: string): string => pages.find((page) => wordsOf(page) === words)?.summary ?? '';
  const whole = Object.entries(aliases).map(([alias, words]): [string, string] => [alias, words.join(' ')]);
  const singular = Object.entries(nouns).flatMap(([noun, { alias }]): [string, string][] =>
    alias === undefined ? [] : [[alias, noun]],
  );
  const first: Word[] = [
    ...Object.entries(nouns).map(([name, { summary }]) => ({ name, summary })),
    ...whole.map(([name, words]) => ({ name, summary: summaryOf(words) })),
  ];
  const second = new Map(
    Object.keys(nouns).flatMap((name): [string, Word[]][] => {
      const verbs = pages.filter(({ noun, verb }) => noun === name && verb !== '');
      return verbs.length === 0 ? [] : [[name, verbs.map(({ verb, summary }) => ({ name: verb, summary }))]];
    }),
  );
  const help = helpWords(first, second, { nouns, topics });
  return {
    first: [...first, { name: 'help', summary: 'show the help of a command' }],
    second: new Map([...second, ...help.second]),
    flags: new Map([
      ...pages.map((page): [string, Offer[]] => [
        wordsOf(page),
        page.flags
          .filter(({ from, negates }) => from !== 'global' && negates !== true)
          .map((flag) => offer(flag, wordsOf(page))),
      ]),
      ...help.flags,
    ]),
    operands: new Map([
      ...pages.map((page): [string, Operand[]] => [
        wordsOf(page),
        (page.command.spec.args ?? []).map((arg) => operand(wordsOf(page), arg)),
      ]),
      ...help.operands,
    ]),
    rest: new Map(
      pages.flatMap((page) => {
        const rest = restOf(page);
        return rest === undefined ? [] : [[wordsOf(page), operand(wordsOf(page), rest)]];
      }),
    ),
    globals: globalFlags.map(asGlobal).map((flag) => offer(flag)),
    aliases: new Map([...singular, ...whole]),
    lines: pages.filter(({ command: { spec } }) => 'passesOn' in spec && spec.passesOn === true).map(wordsOf),
  };
};
