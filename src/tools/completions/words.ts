import type { Flag } from '../../cli/flags.ts';
import { asGlobal } from '../../cli/flags.ts';
import { globalFlags } from '../../cli/globals.ts';
import { type Tree, wordsOf } from '../commands.ts';

/** A flag as a shell offers it. */
export interface Offer {
  /** `--output`, and `-o` where it has a short form. */
  spellings: readonly string[];
  description: string;
  /** The word for its value; absent for a switch. */
  value?: string;
  /** What the value can be: one of these, or a file; absent where nothing can be offered. */
  values?: readonly string[] | 'file';
  repeatable: boolean;
}

export interface Word {
  name: string;
  summary: string;
}

/** All that a completion script knows. */
export interface Words {
  /** First words: nouns and the aliases of whole commands. */
  first: readonly Word[];
  /** Second words, by noun. */
  second: ReadonlyMap<string, readonly Word[]>;
  /** Own flags, by the words of the command. */
  flags: ReadonlyMap<string, readonly Offer[]>;
  globals: readonly Offer[];
  /** What an alias stands for: the noun, or the words of a command; for `help` nothing, the command comes after it. */
  aliases: ReadonlyMap<string, string>;
  /** The words of commands that take another program's line: after its first word nothing is ours. */
  lines: readonly string[];
}

/** Where a flag's values are told: of one command, or of every command where no two differ. */
export interface Values {
  /** The words of the command; `*` for all. */
  words: string;
  spelling: string;
  values: readonly string[] | 'file';
}

const same = (a: Offer['values'], b: Offer['values']): boolean => String(a) === String(b);

/** One row a flag and meaning: what several commands agree on is said once. */
export const valuesOf = ({ flags, globals }: Words): readonly Values[] => {
  const all = [...flags].flatMap(([words, offers]) => offers.map((offer) => ({ words, offer })));
  const agreed = (one: Offer): boolean =>
    all.every(({ offer }) => offer.spellings[0] !== one.spellings[0] || same(offer.values, one.values));
  const rows = [...all, ...globals.map((offer) => ({ words: '*', offer }))].flatMap(({ words, offer }) =>
    offer.spellings.map((spelling) => ({ words: agreed(offer) ? '*' : words, spelling, values: offer.values })),
  );
  const first = (row: Omit<Values, 'values'>): number =>
    rows.findIndex(({ words, spelling }) => words === row.words && spelling === row.spelling);
  return rows
    .filter((row, index): row is Values => row.values !== undefined && first(row) === index)
    .sort((a, b) => Number(a.words === '*') - Number(b.words === '*'));
};

const offer = (flag: Flag): Offer => {
  const { name, short, description, value, choices, repeatable } = flag;
  const values = choices ?? (value === 'PATH' || value === 'FILE' ? 'file' : undefined);
  return {
    spellings: [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
    description: description.replace(/\s+/g, ' '),
    ...(value === undefined ? {} : { value }),
    ...(value === undefined || values === undefined ? {} : { values }),
    repeatable: repeatable === true,
  };
};

export const wordsFrom = ({ nouns, aliases, pages }: Tree): Words => {
  const summaryOf = (words: string): string => pages.find((page) => wordsOf(page) === words)?.summary ?? '';
  const whole = Object.entries(aliases).map(([alias, words]): [string, string] => [alias, words.join(' ')]);
  const singular = Object.entries(nouns).flatMap(([noun, { alias }]): [string, string][] =>
    alias === undefined ? [] : [[alias, noun]],
  );
  return {
    first: [
      ...Object.entries(nouns).map(([name, { summary }]) => ({ name, summary })),
      ...whole.map(([name, words]) => ({ name, summary: summaryOf(words) })),
      { name: 'help', summary: 'show the help of a command' },
    ],
    second: new Map(
      Object.keys(nouns).flatMap((name) => {
        const verbs = pages.filter(({ noun, verb }) => noun === name && verb !== '');
        return verbs.length === 0 ? [] : [[name, verbs.map(({ verb, summary }) => ({ name: verb, summary }))]];
      }),
    ),
    flags: new Map(
      pages.map((page) => [
        wordsOf(page),
        page.flags.filter(({ from, negates }) => from !== 'global' && negates !== true).map(offer),
      ]),
    ),
    globals: globalFlags.map(asGlobal).map(offer),
    aliases: new Map([...singular, ...whole, ['help', '']]),
    lines: pages.filter(({ command: { spec } }) => 'passesOn' in spec && spec.passesOn === true).map(wordsOf),
  };
};
