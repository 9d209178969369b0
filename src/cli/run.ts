import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { warnOfSecrets } from './context.ts';
import { createReader } from './files.ts';
import { type Found, find, helpFor, unknownFlag } from './find.ts';
import { asGlobal, type Flag, flagsOf } from './flags.ts';
import { globalFlags, globalsFrom, tellsJson, variablesFrom } from './globals.ts';
import { extraValues } from './input.ts';
import type { Invocation } from './invocation.ts';
import { type Given, type Line, readLine } from './line.ts';
import { runLocal } from './local.ts';
import { operate } from './operate.ts';
import { type CommandEntry, type Loaded, loadCommand, type Product, product as wholeProduct } from './product.ts';
import { report } from './report.ts';

const asksFor = (name: string, given: readonly Given[]): boolean => given.some(({ flag }) => flag.name === name);

const print = (io: Io, text: string): number => {
  io.stdout.write(text);
  return 0;
};

const printVersion = async (io: Io): Promise<number> => {
  const { version } = await import('../version.ts');
  return print(io, `mobius ${version}\n`);
};

/** Help is for people, unless the line itself asks for another form: that it goes into a pipe says nothing. */
const showHelp = async (
  io: Io,
  product: Product,
  { words, topic, entry }: Pick<Found, 'words' | 'topic' | 'entry'>,
  given: readonly Given[],
): Promise<number> => {
  const form = given.findLast(({ flag }) => flag.name === 'output')?.value;
  const { pageOf, tellingOf } = await import('./help-pages.ts');
  const page = { words, topic, entry };
  return print(io, await (form === 'json' || form === 'yaml' ? tellingOf(product, page, form) : pageOf(product, page)));
};

const perform = async (
  io: Io,
  product: Product,
  {
    command,
    flags,
    line,
    found,
    entry,
  }: { command: Loaded; flags: readonly Flag[]; line: Line<Flag> } & {
    found: Found;
    entry: CommandEntry;
  },
): Promise<number> => {
  const { words } = found;
  const given: Given<Flag>[] = [...found.given.map((one) => ({ ...one, flag: asGlobal(one.flag) })), ...line.given];
  const global = globalsIn(given);
  if (found.wantsHelp || asksFor('help', global)) return showHelp(io, product, { words, entry }, global);
  if (asksFor('version', global)) return printVersion(io);
  if (line.unknown !== undefined) throw await unknownFlag(line.unknown, flags, words);
  const globals = await globalsFrom(io, global);
  warnOfSecrets(io, globals, given);
  const invocation: Invocation = {
    io,
    product,
    words,
    given,
    operands: line.words,
    flags,
    extra: await extraValues(given),
    globals,
    reader: createReader(io, variablesFrom(global)),
  };
  return command.kind === 'local'
    ? runLocal(invocation, command.spec)
    : operate(invocation, command.spec, command.known);
};

/** Whoever typed something wrong is told at least where to read how it is right. */
const withHint = (error: unknown, words: readonly string[]): unknown => {
  if (!(error instanceof MobiusError) || error.hint !== undefined) return error;
  const { code, message, details } = error;
  return code === 'usage' || code === 'invalid_input'
    ? new MobiusError(code, message, details, `see: ${helpFor(words)}`)
    : error;
};

/**
 * A command that takes another program's line. Its output is not ours, so where it goes says nothing of how an error is
 * to be told; and a flag in that line is not for us.
 */
const runBeforeOther = async (
  io: Io,
  { words }: Found,
  read: () => Promise<Line<Flag>>,
  go: (line: Line<Flag>) => Promise<number>,
): Promise<number> => {
  let argv = io.argv;
  try {
    const line = await read();
    argv = argv.slice(0, argv.length - line.words.length);
    return await go(line);
  } catch (error) {
    return report(io, withHint(error, words), tellsJson({ argv, env: io.env, stdout: { isTTY: true } }));
  }
};

/** A flag of the command that says a global one, beside that itself: two answers to one question are none. */
const globalsIn = (given: readonly Given<Flag>[]): Given<Flag>[] => {
  const all = given.flatMap((one): Given<Flag>[] => {
    if (one.flag.from === 'global') return [one];
    const meant = globalFlags.find(({ name }) => name === one.flag.means);
    return meant === undefined ? [] : [{ ...one, flag: asGlobal(meant) }];
  });
  for (const { flag, value } of given.filter(({ flag: { means } }) => means !== undefined)) {
    const other = given.find(
      (one) => one.flag.from === 'global' && one.flag.name === flag.means && one.value !== value,
    );
    if (other === undefined) continue;
    const message = `--${flag.name} and --${flag.means} are two spellings of one flag, and say different things`;
    throw new MobiusError('usage', message, {}, 'give one of them');
  }
  return all;
};

const runCommand = async (io: Io, product: Product, entry: CommandEntry, found: Found): Promise<number> => {
  const command = await loadCommand(product, entry);
  const flags = flagsOf(command, command.kind === 'operation' ? command.known : undefined);
  const beforeOther = command.kind === 'local' && command.spec.passesOn === true;
  const read = (): Promise<Line<Flag>> =>
    readLine(found.rest, flags, { stopAtWord: beforeOther, help: helpFor(found.words) });
  const go = (line: Line<Flag>): Promise<number> => perform(io, product, { command, flags, line, found, entry });
  return beforeOther ? runBeforeOther(io, found, read, go) : go(await read());
};

const start = async (io: Io, product: Product): Promise<number> => {
  const found = await find(product, io.argv);
  if (found.entry !== undefined) {
    try {
      return await runCommand(io, product, found.entry, found);
    } catch (error) {
      throw withHint(error, found.words);
    }
  }
  if (asksFor('version', found.given)) return printVersion(io);
  return showHelp(io, product, found, found.given);
};

/** Does what the line says and gives the exit code. Never rejects: what went wrong was told on stderr. */
export const run = async (io: Io, product: Product = wholeProduct): Promise<number> => {
  try {
    return await start(io, product);
  } catch (error) {
    return report(io, error, tellsJson(io));
  }
};
