import { parseArgs } from 'node:util';
import { MobiusError } from '../errors.ts';
import type { ExtraFlag } from './command.ts';

export interface Given<F extends ExtraFlag = ExtraFlag> {
  flag: F;
  /** Absent for a switch. */
  value?: string;
}

/** One stretch of the command line, taken apart. */
export interface Line<F extends ExtraFlag = ExtraFlag> {
  /** In the order they were typed. */
  given: readonly Given<F>[];
  words: readonly string[];
  /** The first flag that is none of these, or a switch that was given a value: as it was typed. */
  unknown?: string;
}

/**
 * Takes arguments apart. A flag that has a value takes the next argument whatever it looks like, so `--description -q`
 * is a description. With `stopAtWord` everything from the first word on is left in `words` as it is.
 */
export const readLine = <F extends ExtraFlag>(
  args: readonly string[],
  flags: readonly F[],
  { stopAtWord, help }: { stopAtWord: boolean; help: string },
): Line<F> => {
  const options = Object.fromEntries(
    flags.map(({ name, short, value }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const given: Given<F>[] = [];
  const words: string[] = [];
  let unknown: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (!stopAtWord) words.push(token.value);
      else if (unknown === undefined) return { given, words: args.slice(token.index) };
      continue;
    }
    const flag = flags.find(({ name }) => name === token.name);
    const isSwitch = flag?.value === undefined;
    if (flag === undefined || (isSwitch && token.value !== undefined)) {
      unknown ??= token.rawName;
      continue;
    }
    if (!isSwitch && token.value === undefined) {
      throw new MobiusError('usage', `${token.rawName} needs a value`, {}, `see its flags: ${help}`);
    }
    given.push(token.value === undefined ? { flag } : { flag, value: token.value });
  }
  return { given, words, ...(unknown === undefined ? {} : { unknown }) };
};
