import { MobiusError } from '../errors.ts';
import type { Context } from './command.ts';

const withoutLastLineEnd = (text: string): string => text.replace(/\r?\n$/, '');

/** A new password: as named, typed twice by a person, or the first and only line of standard input. */
export const newPassword = async <I extends { password?: string; current_password?: string }>(
  input: I,
  { prompt, text, io }: Context,
): Promise<I> => {
  const current =
    input.current_password === undefined
      ? {}
      : { current_password: withoutLastLineEnd(await text(input.current_password)) };
  if (input.password !== undefined || !io.stdin.isTTY) {
    return { ...input, ...current, password: withoutLastLineEnd(await text(input.password ?? '@-')) };
  }
  const first = await prompt.hidden('New password:');
  if (first !== (await prompt.hidden('The same once more:'))) {
    throw new MobiusError('usage', 'the two passwords are not the same');
  }
  return { ...input, ...current, password: first };
};
