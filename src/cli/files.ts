import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { endOfInput } from '../platform.ts';
import { textOf } from '../utf8.ts';
import { tell } from './report.ts';
import { nearest } from './suggest.ts';

/** What the system says is wrong, without the path and the call that node puts around it. */
export const reasonOf = (error: unknown): string => {
  const { errno, message } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
};

/** Reads what a flag's value points at. With variables, what a file or stdin holds has them replaced. */
export interface Reader {
  /** `@file`, `@-`, or the text itself. */
  text(value: string): Promise<string>;
  /** The same to the byte: a byte order mark stays. */
  exact(value: string): Promise<string>;
  /** A path, or `-` for stdin. */
  file(path: string): Promise<string>;
  /** Variables that stood in nothing that was read, where anything was. */
  unused(): readonly string[];
}

const substitute = (text: string, variables: ReadonlyMap<string, string>, used: (name: string) => void): string =>
  variables.size === 0
    ? text
    : text.replace(
        /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g,
        (whole, braced: string | undefined, bare: string | undefined) => {
          const name = braced ?? bare ?? '';
          used(name);
          return variables.get(name) ?? whole;
        },
      );

const readBytes = async (io: Io, path: string): Promise<Uint8Array> => {
  if (path === '-') {
    if (io.stdin.isTTY) tell(io, `reading from the terminal; end with ${endOfInput(io.platform)} on a line of its own`);
    return io.stdin.read();
  }
  if (path === '') throw new MobiusError('usage', 'the name of a file must not be empty');
  try {
    return readFileSync(resolve(io.cwd, path));
  } catch (error) {
    throw new MobiusError('usage', `could not read "${path}": ${reasonOf(error)}`);
  }
};

const decode = (bytes: Uint8Array, path: string, ignoreBOM = false): string => {
  try {
    const text = textOf(bytes);
    return ignoreBOM || !text.startsWith('\ufeff') ? text : text.slice(1);
  } catch {
    throw new MobiusError('usage', `${path === '-' ? 'standard input' : `"${path}"`} is not UTF-8 text`);
  }
};

export const createReader = (io: Io, variables: ReadonlyMap<string, string>): Reader => {
  const found = new Set<string>();
  let isRead = false;
  const read = async (path: string, exact: boolean): Promise<string> => {
    isRead = true;
    return substitute(decode(await readBytes(io, path), path, exact), variables, (name) => void found.add(name));
  };
  const textOr = async (value: string, exact: boolean): Promise<string> =>
    value.startsWith('@') ? read(value.slice(1), exact) : value;
  return {
    file: (path) => read(path, false),
    text: (value) => textOr(value, false),
    exact: (value) => textOr(value, true),
    unused: () => (isRead ? [...variables.keys()].filter((name) => !found.has(name)) : []),
  };
};

const place = (text: string, offset: number): string => {
  const before = text.slice(0, offset).split('\n');
  return ` at line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
};

/** Says where, never what: the parser's own message quotes the text, which may be a secret. */
const placeOfJsonError = (text: string, error: unknown): string => {
  const [, offset] = /at position (\d+)/.exec((error as Error).message) ?? [];
  return offset === undefined ? '' : place(text, Number(offset));
};

export const parseJson = (text: string, said: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MobiusError('usage', `${said} is not valid JSON${placeOfJsonError(text, error)}`);
  }
};

const parseYaml = async (text: string, said: string): Promise<unknown> => {
  const { parseDocument } = await import('./yaml.ts');
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error === undefined) {
    try {
      return document.toJS();
    } catch {
      throw new MobiusError('usage', `${said} holds too many YAML aliases`);
    }
  }
  const [start] = error.linePos ?? [];
  const where = start === undefined ? '' : ` at line ${start.line}, column ${start.col}`;
  throw new MobiusError('usage', `${said} is neither valid JSON nor valid YAML${where}`);
};

const parseEither = async (text: string, said: string): Promise<unknown> => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (/^\s*[[{"]/.test(text) && said.endsWith('.json"')) {
      throw new MobiusError('usage', `${said} is not valid JSON${placeOfJsonError(text, error)}`);
    }
    return parseYaml(text, said);
  }
};

/** A file of a person's own shape: of the fields of the request it holds none, or it holds texts alone. */
const isBare = (body: object, known: readonly string[]): boolean => {
  const entries = Object.entries(body);
  if (entries.every(([name]) => known.includes(name))) return false;
  return entries.every(([, value]) => typeof value === 'string') || !entries.some(([name]) => known.includes(name));
};

/**
 * A whole request body from `--file`. Only the names in `known` may stand in it, unless it is one property alone, bare.
 */
export const readBody = async (
  reader: Reader,
  path: string,
  known: readonly string[],
  bare?: string,
): Promise<{ value: Record<string, unknown>; isBare: boolean }> => {
  const said = path === '-' ? 'standard input' : `"${path}"`;
  const body = await parseEither(await reader.file(path), said);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new MobiusError('usage', `${said} must hold an object: the fields of the request`);
  }
  const value = body as Record<string, unknown>;
  if (bare !== undefined && isBare(body, known)) return { value, isBare: true };
  for (const name of Object.keys(body)) {
    if (known.includes(name)) continue;
    const near = await nearest(name, known);
    const hint = near === undefined ? `the fields are ${known.join(', ')}` : `did you mean "${near}"?`;
    throw new MobiusError('invalid_input', `unknown field "${name}"`, { field: name }, hint);
  }
  return { value, isBare: false };
};
