import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';

const digits = '0123456789';
const lower = 'abcdefghijklmnopqrstuvwxyz';
const alphabets: Readonly<Record<string, string>> = {
  alnum: `${digits}${lower.toUpperCase()}${lower}`,
  digits,
  hex: `${digits}abcdef`,
  lower,
  base64url: `${lower.toUpperCase()}${lower}${digits}-_`,
  ascii: Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at)).join(''),
};

const longest = 65_536;

const charactersOf = (named: string): readonly string[] => {
  const characters = [...(Object.hasOwn(alphabets, named) ? (alphabets[named] ?? '') : named)];
  if (characters.length >= 2 && characters.length <= 256 && new Set(characters).size === characters.length) {
    return characters;
  }
  const names = Object.keys(alphabets).join(', ');
  throw new MobiusError('usage', `an alphabet must be ${names}, or 2 to 256 different characters`);
};

/** A text of so many characters, each drawn alike: a byte that would make some of them likelier is thrown away. */
export const generate = (length: number, alphabet = 'alnum'): string => {
  if (!Number.isSafeInteger(length) || length < 1 || length > longest) {
    throw new MobiusError('usage', `a generated value must be of 1 to ${longest} characters`);
  }
  const characters = charactersOf(alphabet);
  const fair = 256 - (256 % characters.length);
  const drawn: string[] = [];
  while (drawn.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < fair && drawn.length < length) drawn.push(characters[byte % characters.length] as string);
    }
  }
  return drawn.join('');
};
