import { MobiusError } from '../errors.ts';
import { globalFlags } from './globals.ts';
import { type Given, type Line, readLine } from './line.ts';
import type { CommandEntry, Product } from './product.ts';
import { listed, meant, nearest } from './suggest.ts';

/** Which command a line means, before anything of that command was loaded. */
export interface Found {
  /** What to type to get there: `['api-keys', 'create']`; fewer words where the line stops at a noun. */
  words: readonly string[];
  /** Absent where the line names no command but a noun, or nothing. */
  entry?: CommandEntry;
  /** What follows the command's words. */
  rest: readonly string[];
  /** The global flags that stand before and between those words. */
  given: readonly Given[];
  /** It was asked for by `mobius help …`. */
  wantsHelp: boolean;
}

export const lineFor = (words: readonly string[]): string => ['mobius', ...words].join(' ');
export const helpFor = (words: readonly string[]): string => `${lineFor(words)} --help`;

/** The error for a flag that isn't known where it stands. */
export const unknownFlag = async (
  typed: string,
  flags: readonly { name: string }[],
  words: readonly string[],
): Promise<MobiusError> => {
  const long = flags.map((flag) => `--${flag.name}`);
  const all = `see its flags: ${helpFor(words)}`;
  if (long.includes(typed)) return new MobiusError('usage', `${typed} takes no value`, {}, all);
  const isLong = typed.startsWith('--');
  // One name may go on where the other ends: --expires-in-seconds, --principal.
  const longer = long.filter((name) => name.startsWith(`${typed}-`) || typed.startsWith(`${name}-`));
  const named = flags.map(({ name }) => name);
  const nearName = isLong && longer.length !== 1 ? await nearest(typed.slice(2), named) : undefined;
  const near = isLong && longer.length === 1 ? longer[0] : nearName && `--${nearName}`;
  return new MobiusError(
    'usage',
    `unknown flag ${typed}`,
    {},
    near === undefined ? all : `did you mean ${near}? ${all}`,
  );
};

const unknownCommand = async (
  typed: string,
  known: readonly string[],
  words: readonly string[],
  elsewhere: readonly string[] = [],
): Promise<MobiusError> => {
  const near = await meant(typed, known);
  const message = `unknown command "${[...words, typed].join(' ')}"`;
  const lines = near === undefined ? elsewhere : [lineFor([...words, near])];
  const hint = lines.length === 0 ? `see which there are: ${helpFor(words)}` : `did you mean: ${listed(lines)}`;
  return new MobiusError('usage', message, {}, hint);
};

const readGlobals = async (args: readonly string[], words: readonly string[]): Promise<Line> => {
  const line = await readLine(args, globalFlags, { stopAtWord: true, help: helpFor(words) });
  if (line.unknown !== undefined) throw await unknownFlag(line.unknown, globalFlags, words);
  return line;
};

const nounOf = ({ nouns, commands }: Product, typed: string): string | undefined => {
  if (commands[typed] !== undefined && nouns[typed] !== undefined) return typed;
  return Object.keys(nouns).find((noun) => nouns[noun]?.alias === typed);
};

const mostNouns = 3;

/** The commands of this name, where few nouns have one: `mobius login` is one of `auth`. */
const nounsWith = ({ commands }: Product, verb: string): string[] => {
  const lines = Object.keys(commands).flatMap((noun) =>
    verb !== '' && commands[noun]?.[verb] !== undefined ? [lineFor([noun, verb])] : [],
  );
  return lines.length > mostNouns ? [] : lines;
};

/** Walks from the words to the command; the help's own words included. */
export const find = async (product: Product, argv: readonly string[]): Promise<Found> => {
  const start = await readGlobals(argv, []);
  const wantsHelp = start.words[0] === 'help';
  const [typed, ...after] = wantsHelp ? start.words.slice(1) : start.words;
  if (typed === undefined) return { words: [], rest: [], given: start.given, wantsHelp };

  const alias = product.aliases[typed];
  const noun = alias === undefined ? nounOf(product, typed) : alias[0];
  if (noun === undefined) {
    const known = [...Object.keys(product.nouns), ...Object.keys(product.aliases), 'help'];
    throw await unknownCommand(typed, known, [], nounsWith(product, typed));
  }
  const verbs = product.commands[noun] ?? {};
  const itself = verbs[''];
  if (itself !== undefined) return { words: [noun], entry: itself, rest: after, given: start.given, wantsHelp };

  const next =
    alias === undefined ? await readGlobals(after, [noun]) : { given: [], words: [...alias.slice(1), ...after] };
  const given = [...start.given, ...next.given];
  const [verb, ...rest] = next.words;
  if (verb === undefined) return { words: [noun], rest: [], given, wantsHelp };
  const entry = verbs[verb];
  if (entry === undefined) {
    const known = Object.keys(verbs).filter((name) => verbs[name]?.hidden !== true);
    throw await unknownCommand(verb, known, [noun]);
  }
  return { words: [noun, verb], entry, rest, given, wantsHelp };
};
