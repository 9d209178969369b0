import type { Context } from './command.ts';

/** A credential that is asked about: as it was given, from standard input, or asked for on a terminal. */
export const credentialText = async (
  given: string | undefined,
  question: string,
  { text, prompt, io }: Pick<Context, 'text' | 'prompt' | 'io'>,
): Promise<string> =>
  given === undefined && io.stdin.isTTY ? prompt.hidden(question) : (await text(given ?? '@-')).trim();
