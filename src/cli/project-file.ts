import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { openDelivery } from './deliver.ts';
import { parseJson, reasonOf } from './files.ts';
import { configFolder } from './places.ts';

/** What a project says of the variables that its programs want: references, so that it can be committed. */
export interface ProjectFile {
  path: string;
  sha256: string;
  env: Readonly<Record<string, string>>;
}

export const projectFileName = 'mobius.json';

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((text) => typeof text === 'string');

const envOf = (text: string, said: string): Readonly<Record<string, string>> => {
  const parsed = parseJson(text.replace(/^\uFEFF/, ''), said);
  const { env = {}, ...others } = (typeof parsed === 'object' && parsed !== null ? parsed : { '': 0 }) as {
    env?: unknown;
  };
  const [other] = Object.keys(others);
  if (other !== undefined) throw usage(`${said} may hold "env" and nothing else`);
  if (!isTexts(env)) throw usage(`"env" in ${said} must be an object of texts`, 'such as {"env":{"NAME":"text"}}');
  return env;
};

export const readProjectFile = async (io: Io, path: string): Promise<ProjectFile> => {
  const said = `"${path}"`;
  let bytes: Uint8Array;
  let real: string;
  try {
    real = realpathSync(resolve(io.cwd, path));
    bytes = readFileSync(real);
  } catch (error) {
    throw usage(`could not read ${said}: ${reasonOf(error)}`);
  }
  const { sha256 } = await import('../crypto.ts');
  const hash = Buffer.from(sha256(bytes)).toString('hex');
  return { path: real, sha256: hash, env: envOf(Buffer.from(bytes).toString('utf8'), said) };
};

/** By path, the hash that it had when a person said that it may be used. */
type Trusted = Readonly<Record<string, string>>;

const storePath = (io: Io): string => join(configFolder(io), 'trusted.json');

const readTrusted = (io: Io): Trusted => {
  const path = storePath(io);
  if (!existsSync(path)) return {};
  const parsed = parseJson(readFileSync(path, 'utf8'), `"${path}"`);
  if (isTexts(parsed)) return parsed;
  throw usage(`"${path}" is not what mobius wrote`, 'remove it, and trust anew what you trust: mobius trust');
};

export const setTrust = (io: Io, file: ProjectFile, trusted: boolean): void => {
  const { [file.path]: _, ...others } = readTrusted(io);
  mkdirSync(configFolder(io), { recursive: true, mode: 0o700 });
  const delivery = openDelivery(io, storePath(io));
  try {
    const all = trusted ? { ...others, [file.path]: file.sha256 } : others;
    delivery.write(`${JSON.stringify(all, undefined, 2)}\n`);
  } finally {
    delivery.discard();
  }
};

export interface Configured {
  env: Readonly<Record<string, string>>;
  /** A file that is there and not used, because nobody said that it may be. */
  untrusted?: string;
}

/**
 * The variables of the project: of the file that is named, else of the one in the working folder. That one comes with
 * whatever was checked out there, so it is used only as a person has seen it: any change asks for `mobius trust` anew.
 */
export const configuredEnv = async (io: Io, named: string | undefined): Promise<Configured> => {
  if (named !== undefined) return { env: (await readProjectFile(io, named)).env };
  if (!existsSync(resolve(io.cwd, projectFileName))) return { env: {} };
  let path: string;
  try {
    path = realpathSync(resolve(io.cwd, projectFileName));
  } catch {
    return { env: {}, untrusted: projectFileName };
  }
  const known = readTrusted(io)[path];
  if (known === undefined) return { env: {}, untrusted: path };
  const file = await readProjectFile(io, path);
  return file.sha256 === known ? { env: file.env } : { env: {}, untrusted: path };
};
