import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MobiusError } from '../errors.ts';
import { handle } from '../formats.ts';
import type { Io } from '../io.ts';
import { openDelivery } from './deliver.ts';
import { parseJson, reasonOf } from './files.ts';
import { configFolder, projectFileAround, projectFileName } from './places.ts';

/** What a project says of itself: names and references, so that it can be committed. */
export interface ProjectFile {
  path: string;
  sha256: string;
  project?: string;
  profile?: string;
  /** The variables that its programs want. */
  env: Readonly<Record<string, string>>;
}

const usage = (message: string, hint?: string): MobiusError => new MobiusError('usage', message, {}, hint);

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((text) => typeof text === 'string');

/** A key or a token of ours, or a private key of anybody's: whoever can read the repository would have it. */
const secretShape =
  /\b[a-z][a-z0-9_]{0,9}_[0-9A-Za-z]{43,49}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----/;

const envOf = (env: unknown, said: string): Readonly<Record<string, string>> => {
  if (!isTexts(env)) throw usage(`"env" in ${said} must be an object of texts`, 'such as {"env":{"NAME":"text"}}');
  const [leaking] = Object.entries(env).find(([, text]) => secretShape.test(text)) ?? [];
  if (leaking === undefined) return env;
  const hint = 'keep it in a secret, and refer to it here as mobius trust --help shows';
  throw usage(`"${leaking}" of "env" in ${said} holds a credential, and the file is for everybody to read`, hint);
};

const named = (name: string, value: unknown, problemOf: (text: string) => string | undefined, said: string) => {
  const problem = typeof value === 'string' ? problemOf(value) : 'must be a text';
  if (problem !== undefined) throw usage(`"${name}" in ${said} ${problem}`);
  return value as string;
};

const profileName = (text: string): string | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(text) ? undefined : "can't be the name of a profile";

const contentOf = (text: string, said: string): Omit<ProjectFile, 'path' | 'sha256'> => {
  const parsed = parseJson(text.replace(/^\uFEFF/, ''), said);
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (!isObject) throw usage(`${said} must hold an object`, 'such as {"project":"shop","env":{}}');
  const { $schema: _, project, profile, env = {}, ...others } = parsed as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw usage(`${said} holds "${other}", which it can't`, 'it may hold project, profile and env');
  return {
    ...(project === undefined ? {} : { project: named('project', project, handle, said) }),
    ...(profile === undefined ? {} : { profile: named('profile', profile, profileName, said) }),
    env: envOf(env, said),
  };
};

const hashOf = async (bytes: Uint8Array): Promise<string> => {
  const { sha256 } = await import('../crypto.ts');
  return Buffer.from(sha256(bytes)).toString('hex');
};

/** The one that is named, else the nearest. */
export const readProjectFile = async (
  io: Io,
  path = projectFileAround(io) ?? projectFileName,
): Promise<ProjectFile> => {
  const said = `"${path}"`;
  let bytes: Uint8Array;
  let real: string;
  try {
    real = realpathSync(resolve(io.cwd, path));
    bytes = readFileSync(real);
  } catch (error) {
    throw usage(`could not read ${said}: ${reasonOf(error)}`);
  }
  return { path: real, sha256: await hashOf(bytes), ...contentOf(Buffer.from(bytes).toString('utf8'), said) };
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

export interface Around {
  path: string;
  /** Absent where it is not used. */
  file?: ProjectFile;
  /** Why not; `says` where it would lead to another project or server. */
  untrusted?: string;
  says?: boolean;
}

/**
 * The project that the working folder belongs to. Its file comes with whatever was checked out there, so it is used only
 * as a person has seen it: any change asks for `mobius trust` anew.
 */
export const projectAround = async (io: Io): Promise<Around | undefined> => {
  const found = projectFileAround(io);
  if (found === undefined) return undefined;
  const path = realpathSync(found);
  const known = await trustedHash(io, path);
  const file = await readProjectFile(io, path).catch(() => undefined);
  if (file !== undefined && file.sha256 === known) return { path, file };
  const why = known === undefined ? 'nobody said that it may be' : 'it was changed since it was trusted';
  const says = file?.project !== undefined || file?.profile !== undefined;
  return { path, untrusted: `"${path}" is not used, because ${why}`, says };
};

/** The variables of the project: of the file that is named, else of the one around. */
export const configuredEnv = async (
  io: Io,
  name: string | undefined,
): Promise<Pick<ProjectFile, 'env'> & Pick<Around, 'untrusted'>> => {
  if (name !== undefined) return { env: (await readProjectFile(io, name)).env };
  const { file, untrusted } = (await projectAround(io)) ?? {};
  return { env: file?.env ?? {}, ...(untrusted === undefined ? {} : { untrusted }) };
};
