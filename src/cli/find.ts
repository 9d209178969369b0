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
  /** It was asked for by `mobius help …`, or by `mobius <noun> help …`. */
  wantsHelp: boolean;
  /** The page that is asked for is none of a command. */
  topic?: string;
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

/** `start`: what stands before what was meant instead, which may be more than what was typed. */
const unknownCommand = async (
  typed: string,
  known: readonly string[],
  words: readonly string[],
  { start = words, elsewhere = [] }: { start?: readonly string[]; elsewhere?: readonly string[] } = {},
): Promise<MobiusError> => {
  const near = await meant(typed, known);
  const message = `unknown command "${[...words, typed].join(' ')}"`;
  const lines = near === undefined ? elsewhere : [lineFor([...start, near])];
  const hint = lines.length === 0 ? `see which there are: ${helpFor(words)}` : `did you mean: ${listed(lines)}`;
  return new MobiusError('usage', message, {}, hint);
};

const mostNouns = 3;

/** The commands of this name, where few nouns have one: `mobius login` is one of `auth`. */
const nounsWith = ({ commands }: Product, verb: string): string[] => {
  const lines = Object.keys(commands).flatMap((noun) =>
    verb !== '' && commands[noun]?.[verb] !== undefined ? [lineFor([noun, verb])] : [],
  );
  return lines.length > mostNouns ? [] : lines;
};

const unknownFirst = async (product: Product, typed: string, wantsHelp: boolean): Promise<MobiusError> => {
  const { nouns, aliases, topics } = product;
  const elsewhere = nounsWith(product, typed);
  const commands = [...Object.keys(nouns), ...Object.keys(aliases)];
  const named = Object.keys(topics);
  if (!wantsHelp) {
    if (!named.includes(typed)) return unknownCommand(typed, [...commands, 'help'], [], { elsewhere });
    return new MobiusError('usage', `unknown command "${typed}"`, {}, `did you mean: ${lineFor(['help', typed])}`);
  }
  return unknownCommand(typed, [...commands, ...named], [], { start: ['help'], elsewhere });
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

/** What stands behind `help`. There `--json` is a short way to say `-o json`. */
const behindHelp = async ({ given, words }: Line): Promise<Line> => {
  const asked = words.slice(1).filter((word) => word !== '--json');
  const again = await readGlobals(asked, []);
  const output = globalFlags.filter(({ name }) => name === 'output').map((flag): Given => ({ flag, value: 'json' }));
  const isJson = asked.length < words.length - 1;
  return { given: [...given, ...again.given, ...(isJson ? output : [])], words: again.words };
};

const findTopic = async (topic: string, after: readonly string[], given: readonly Given[]): Promise<Found> => {
  const words = ['help', topic];
  const more = await readGlobals(after, words);
  const [excess] = more.words;
  if (excess !== undefined) {
    const message = `unexpected argument "${excess}": a topic has one page`;
    throw new MobiusError('usage', message, {}, `see: ${lineFor(words)}`);
  }
  return { words, topic, rest: [], given: [...given, ...more.given], wantsHelp: true };
};

/** Walks from the words to the command; the help's own words included. */
export const find = async (product: Product, argv: readonly string[]): Promise<Found> => {
  const whole = await readGlobals(argv, []);
  const isHelp = whole.words[0] === 'help';
  const start = isHelp ? await behindHelp(whole) : whole;
  const [typed, ...after] = start.words;
  if (typed === undefined || (isHelp && typed === 'help'))
    return { words: [], rest: [], given: start.given, wantsHelp: isHelp };
  if (isHelp && product.topics[typed] !== undefined) {
    return findTopic(typed, after, start.given);
  }

  const alias = product.aliases[typed];
  const noun = alias === undefined ? nounOf(product, typed) : alias[0];
  if (noun === undefined) throw await unknownFirst(product, typed, isHelp);
  const verbs = product.commands[noun] ?? {};
  const itself = verbs[''];
  if (itself !== undefined) return { words: [noun], entry: itself, rest: after, given: start.given, wantsHelp: isHelp };

  const behind: Line =
    alias === undefined ? await readGlobals(after, [noun]) : { given: [], words: [...alias.slice(1), ...after] };
  const asksHere = behind.words[0] === 'help' && verbs.help === undefined;
  const wantsHelp = isHelp || asksHere;
  const next = asksHere ? await behindHelp(behind) : behind;
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
