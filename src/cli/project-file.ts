import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
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

const hashOf = async (bytes: Uint8Array): Promise<string> => {
  const { sha256 } = await import('../crypto.ts');
  return Buffer.from(sha256(bytes)).toString('hex');
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
  return { path: real, sha256: await hashOf(bytes), env: envOf(Buffer.from(bytes).toString('utf8'), said) };
};

/** One small file for each trusted one, so that two at once can't lose one another's; named by the hash of its path. */
const trustPath = async (io: Io, path: string): Promise<string> =>
  join(configFolder(io), 'trusted', `${await hashOf(Buffer.from(path))}.json`);

const trustedHash = async (io: Io, path: string): Promise<string | undefined> => {
  const file = await trustPath(io, path);
  if (!existsSync(file)) return undefined;
  const parsed = parseJson(readFileSync(file, 'utf8'), `"${file}"`);
  if (isTexts(parsed) && parsed.path === path) return parsed.sha256;
  throw usage(`"${file}" is not what mobius wrote`, 'remove it, and trust anew what you trust: mobius trust');
};

export const setTrust = async (io: Io, { path, sha256 }: ProjectFile, trusted: boolean): Promise<void> => {
  const file = await trustPath(io, path);
  if (!trusted) {
    rmSync(file, { force: true });
    return;
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const delivery = openDelivery(io, file);
  try {
    delivery.write(`${JSON.stringify({ path, sha256 }, undefined, 2)}\n`);
  } finally {
    delivery.discard();
  }
};

export interface Configured {
  env: Readonly<Record<string, string>>;
  /** Why a file that is there is not used. */
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
    return { env: {}, untrusted: `"${projectFileName}" is a link that leads nowhere` };
  }
  const known = await trustedHash(io, path);
  const notUsed = (why: string): Configured => ({ env: {}, untrusted: `"${path}" is not used, because ${why}` });
  if (known === undefined) return notUsed('nobody said that it may be');
  const file = await readProjectFile(io, path);
  return file.sha256 === known ? { env: file.env } : notUsed('it was changed since it was trusted');
};
