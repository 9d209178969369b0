import { MobiusError } from '../errors.ts';
import { isHandle, isLowerOrDigit } from '../formats.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const randomLength = 32;
/** Of one without a handle. */
export const longestKey = 60;
const shortestPrefix = 2;
const bodyLength = 43;
const checksumLength = 6;

const [upperA, upperZ, lowerA, underscore] = [0x41, 0x5a, 0x61, 0x5f];
const prefix = '[a-z][a-z0-9]*(?:_[a-z0-9]+)*_';
const handle = '[a-z0-9]+(?:-[a-z0-9]+)*';

/**
 * A whole text that is a key as far as its shape tells, with the optional `.handle`; only parseKey looks at the
 * checksum. The groups are prefix, body, checksum and handle. What stands before the handle is at most 60 characters:
 * nobody makes us work through a long text by offering it as a key.
 */
export const keyPattern =
  `^(?=[^.]{51,${longestKey}}(?:\\.|$))(${prefix})([0-9A-Za-z]{${bodyLength}})([0-9A-Za-z]{${checksumLength}})` +
  `(?:\\.(${handle}))?$`;

/** Keys of another contract: its prefix, then the bytes in base64url, and no checksum. */
const plainPrefix = 'mutx_live_';
const plainGrammar = new RegExp(`^${plainPrefix}[0-9A-Za-z_-]{${bodyLength}}$`);
const prefixGrammar = new RegExp(`^(?=.{2,11}$)${prefix}$`);

export type ParsedKey =
  | { ok: true; key: string; prefix: string; project?: string }
  | { ok: false; reason: 'shape' | 'checksum' };

export const isKeyPrefix = (text: string): boolean => prefixGrammar.test(text);

/** So many digits at a time, and so many bits: a remainder with as many more bits is still a whole number. */
const digitsAtOnce = 6;
const divisor = 62 ** digitsAtOnce;
const limb = 2 ** 16;

/** One big-endian number, padded to `length` digits: long division by powers of 62, each remainder digits from the right. */
const base62 = (number: Uint8Array, length: number): string => {
  const quotient: number[] = [];
  for (let at = -(number.length % 2); at < number.length; at += 2)
    quotient.push((number[at] ?? 0) * 256 + (number[at + 1] ?? 0));
  let text = '';
  while (text.length < length) {
    let remainder = 0;
    for (let at = 0; at < quotient.length; at++) {
      const dividend = remainder * limb + (quotient[at] ?? 0);
      quotient[at] = Math.floor(dividend / divisor);
      remainder = dividend % divisor;
    }
    let digits = '';
    for (let left = remainder; digits.length < digitsAtOnce; left = Math.floor(left / 62)) {
      digits = alphabet.charAt(left % 62) + digits;
    }
    text = digits + text;
  }
  return text.slice(-length);
};

/** The number that a text of digits is, big-endian; the inverse of `base62`. */
const fromBase62 = (digits: string, length: number): Uint8Array => {
  const number = new Uint8Array(length);
  for (const digit of digits) {
    let carry = alphabet.indexOf(digit);
    for (let at = length - 1; at >= 0; at--) {
      carry += (number[at] ?? 0) * 62;
      number[at] = carry;
      carry >>= 8;
    }
  }
  return number;
};

/** Four bits at a time: a larger table would cost every start of the program more than it saves. */
const crcTable = Int32Array.from({ length: 16 }, (_, half) => {
  let crc = half;
  for (let bit = 0; bit < 4; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  return crc;
});

/** CRC32 (IEEE). */
const checksum = (ascii: string): string => {
  let crc = -1;
  for (let i = 0; i < ascii.length; i++) {
    crc ^= ascii.charCodeAt(i);
    crc = (crc >>> 4) ^ (crcTable[crc & 15] ?? 0);
    crc = (crc >>> 4) ^ (crcTable[crc & 15] ?? 0);
  }
  crc = ~crc;
  return base62(Uint8Array.of(crc >>> 24, crc >>> 16, crc >>> 8, crc), checksumLength);
};

/** The key that stands for 32 random bytes. The prefix must be one that isKeyPrefix takes. */
export const formatKey = (prefix: string, random: Uint8Array): string => {
  if (!isKeyPrefix(prefix)) throw new MobiusError('internal', `"${prefix}" can't be the prefix of a key`);
  if (random.length !== randomLength) {
    throw new MobiusError('internal', `a key stands for ${randomLength} bytes, not ${random.length}`);
  }
  const unchecked = prefix + base62(random, bodyLength);
  return unchecked + checksum(unchecked);
};

/** Pieces of lower-case letters and digits, each with one underscore behind it; the first begins with a letter. */
const isPrefix = (text: string): boolean => {
  let before = underscore;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === underscore ? before === underscore : !isLowerOrDigit(code)) return false;
    before = code;
  }
  return before === underscore && text.charCodeAt(0) >= lowerA;
};

const areDigits = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!isLowerOrDigit(code) && !(code >= upperA && code <= upperZ)) return false;
  }
  return true;
};

/** What `keyPattern` takes, by hand: every command looks at a key or two, and would compile the pattern first. */
const partsOf = (text: string): readonly [string, string, string, string?] | undefined => {
  const dot = text.indexOf('.');
  const end = dot === -1 ? text.length : dot;
  const checkAt = end - checksumLength;
  const bodyAt = checkAt - bodyLength;
  if (bodyAt < shortestPrefix || end > longestKey || !areDigits(text.slice(bodyAt, end))) return undefined;
  const prefix = text.slice(0, bodyAt);
  if (!isPrefix(prefix) || (dot !== -1 && !isHandle(text.slice(dot + 1)))) return undefined;
  const [body, check] = [text.slice(bodyAt, checkAt), text.slice(checkAt, end)];
  return dot === -1 ? [prefix, body, check] : [prefix, body, check, text.slice(dot + 1)];
};

/**
 * Refuses a mistyped or made-up key before anybody looks it up: any one character that differs, and any two neighbours
 * that changed places. It says nothing of whether the key was ever issued. `key` is without the handle, which becomes
 * `project`.
 */
export const parseKey = (text: string): ParsedKey => {
  const [prefix, body, check, project] = partsOf(text) ?? [];
  if (prefix === undefined || body === undefined || check === undefined) {
    return plainGrammar.test(text) ? { ok: true, key: text, prefix: plainPrefix } : { ok: false, reason: 'shape' };
  }
  if (checksum(prefix + body) !== check) return { ok: false, reason: 'checksum' };
  const key = prefix + body + check;
  return project === undefined ? { ok: true, key, prefix } : { ok: true, key, prefix, project };
};

/** A key of that other contract. */
export const formatPlainKey = (random: Uint8Array): string =>
  plainPrefix +
  btoa(String.fromCharCode(...random))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** The bytes that a key stands for, as `parseKey` gave it. */
export const keyBytes = ({ key, prefix }: Extract<ParsedKey, { ok: true }>): Uint8Array =>
  fromBase62(key.slice(prefix.length, -checksumLength), randomLength);

/** What is kept beside a key's hash and shown, so that a person can tell keys apart. */
export const keyPrefix = (key: string): string => key.slice(0, 8);

export const keySuffix = (key: string): string => key.slice(-3);
