import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Argument, FlagValues, Globals } from './command.ts';
import type { Reader } from './files.ts';
import { helpFor } from './find.ts';
import type { Flag } from './flags.ts';
import type { Given } from './line.ts';
import type { Product } from './product.ts';

/** One command line, taken apart: what running its command needs. */
export interface Invocation {
  io: Io;
  product: Product;
  words: readonly string[];
  /** In the order they were typed, the global ones among them. */
  given: readonly Given<Flag>[];
  operands: readonly string[];
  /** All that the command understands. */
  flags: readonly Flag[];
  extra: FlagValues;
  globals: Globals;
  reader: Reader;
}

export const labelOf = (argument: Argument): string => `<${(argument.label ?? argument.name).replaceAll('_', '-')}>`;

/** The positional arguments by name. One that may be left out is filled only where those that may not have theirs. */
export const argumentsOf = (
  { operands, words }: Pick<Invocation, 'operands' | 'words'>,
  args: readonly Argument[],
): ReadonlyMap<Argument, string> => {
  const excess = operands[args.length];
  if (excess !== undefined) {
    const takes = args.length === 0 ? 'takes no arguments' : `takes only ${args.map(labelOf).join(' ')}`;
    // Longer than any id or name that is typed is a key or a token, which no log should hold.
    const isCredential = excess.length > 40;
    const message = `unexpected argument "${isCredential ? `${excess.slice(0, 8)}…` : excess}": "${words.join(' ')}" ${takes}`;
    const hint = isCredential
      ? 'a key or token is read from standard input, where nobody else sees it; see: '
      : 'see: ';
    throw new MobiusError('usage', message, {}, `${hint}${helpFor(words)}`);
  }
  let spare = operands.length - args.filter(({ optional }) => optional !== true).length;
  const filled = args.filter(({ optional }) => optional !== true || spare-- > 0);
  return new Map(filled.slice(0, operands.length).map((arg, at) => [arg, operands[at] ?? '']));
};

/** All that is missing, told at once. */
export const refuseMissing = (names: readonly string[], words: readonly string[]): void => {
  const missing = [...new Set(names)];
  if (missing.length === 0) return;
  const said = missing.length === 1 ? missing[0] : `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}`;
  const verb = missing.length === 1 ? 'is' : 'are';
  throw new MobiusError('usage', `${said} ${verb} required`, {}, `see: ${helpFor(words)}`);
};
