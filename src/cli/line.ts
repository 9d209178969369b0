import type { Option } from 'commander';
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

type Commander = typeof import('commander');

const optionOf = ({ Option }: Commander, flag: ExtraFlag): Option => {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  return new Option(`${short}--${flag.name}${flag.value === undefined ? '' : ' <value>'}`);
};

/** Making an option takes longer than looking whether it can be meant. */
const mayStandIn = (args: readonly string[], { name, short }: ExtraFlag): boolean =>
  args.some((arg) => arg.startsWith(`--${name}`) || (short !== undefined && /^-[^-]/.test(arg)));

/**
 * Takes arguments apart. A flag that has a value takes the next argument whatever it looks like, so `--description -q`
 * is a description; but of `--` alone, which ends the flags, no value is meant. With `stopAtWord` everything from the
 * first word on is left in `words` as it is.
 */
export const readLine = async <F extends ExtraFlag>(
  args: readonly string[],
  flags: readonly F[],
  { stopAtWord, help }: { stopAtWord: boolean; help: string },
): Promise<Line<F>> => {
  const atFlag = args.findIndex((arg) => arg.startsWith('-'));
  if (atFlag === -1 || (stopAtWord && atFlag > 0)) return { given: [], words: args };
  const commander = await import('commander');
  const given: Given<F>[] = [];
  const parser = new commander.Command().exitOverride().configureOutput({ writeErr: () => {} });
  if (stopAtWord) parser.passThroughOptions();
  for (const flag of flags) {
    if (!mayStandIn(args, flag)) continue;
    const option = optionOf(commander, flag);
    parser.addOption(option);
    parser.on(`option:${option.name()}`, (value: string | null | undefined) =>
      given.push(typeof value === 'string' ? { flag, value } : { flag }),
    );
  }
  const needsValue = (flag: string): MobiusError =>
    new MobiusError('usage', `${flag} needs a value`, {}, `see its flags: ${help}`);
  try {
    const { operands, unknown } = parser.parseOptions([...args]);
    const empty = given.find(({ flag, value }) => value === '--' && !args.includes(`--${flag.name}=--`));
    if (empty !== undefined) throw needsValue(`--${empty.flag.name}`);
    const [first] = unknown;
    return {
      given,
      words: operands,
      ...(first === undefined ? {} : { unknown: first.replace(/^(--[^=]+)=.*$/s, '$1') }),
    };
  } catch (error) {
    if (!(error instanceof commander.CommanderError)) throw error;
    // Only the last argument can lack its value; of a group such as -qo it is the last letter.
    const last = args.at(-1) ?? '';
    const flag = last.startsWith('--') ? last : `-${last.at(-1)}`;
    throw needsValue(flag);
  }
};
