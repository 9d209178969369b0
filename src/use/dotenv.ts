import { MobiusError } from '../errors.ts';

export interface Assignment {
  name: string;
  value: string;
  /** Where it stands, from 1. */
  line: number;
}

/** The variables that a dotenv file sets; `said` is what an error calls the file. */
export const parseDotenv = (text: string, said: string): Assignment[] =>
  text.split(/\r?\n/).flatMap((written, at) => {
    if (/^\s*(#|$)/.test(written)) return [];
    const line = at + 1;
    const [, name, value] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(written) ?? [];
    if (name === undefined || value === undefined) {
      throw new MobiusError('invalid_input', `line ${line} of ${said} is not NAME=TEXT`);
    }
    const [, inner] = /^(?:'(.*)'|"(.*)")$/.exec(value.trim())?.filter((part) => part !== undefined) ?? [];
    return [{ name, value: inner ?? value.trim(), line }];
  });
