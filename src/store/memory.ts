import { type Ready, withReady } from '../ready.ts';
import type { Query } from './db.ts';

/** How it was found: a text, or the very thing that it was made of, with which it goes. */
export type Source = string | object;

/**
 * What was made of rows that were read and that still stand, by a name that tells how it was found. It lasts until a
 * change of one of the tables below; nothing may be kept in it that was made of any other. What the seal doesn't answer
 * for, such as when something was last used, may be older than in the row.
 */
export interface Memory {
  get(name: Source): unknown;
  set(name: Source, made: unknown): void;
  /** What was told of secrets, never their values; it ends with a change of any of them besides. */
  readonly secrets?: Memory;
}

/** Thrown out of a `glance` that needs more than what is remembered. */
export class NotRemembered extends Error {
  constructor() {
    super('this is not in the memory');
  }
}

/** Made once: where it was thrown from is of no use to anybody. */
const miss = new NotRemembered();

const notRemembered = (): never => {
  throw miss;
};

/** What is remembered and nothing else. */
export const memoryAlone = (memory: Memory): Query => ({
  all: notRemembered,
  get: notRemembered,
  run: notRemembered,
  memory,
  isGlance: true,
});

/** What is found out at a cost is not found out by a glance, which may have to be given up after it. */
export const requireMore = ({ isGlance }: Query): void => {
  if (isGlance) notRemembered();
};

/** Tables that say what a credential is bound to, and whether the vault is open. */
const ofCredentials = new Set([
  'api_keys',
  'keyring',
  'moves',
  'principals',
  'projects',
  'rekey',
  'role_assignments',
  'roles',
  'sessions',
  'signing_keys',
  'tokens',
  'users',
  'vault',
]);

/** Of these nothing is remembered that would change by one more row. */
const found = new Set(['api_keys', 'principals', 'projects', 'roles', 'sessions', 'signing_keys', 'tokens', 'users']);

/** When something was last used, and how often: the seal doesn't answer for it. */
const uses = ['set last_used_at = ', 'set last_login_at = '];

/** By hand, as all that follows: a worker waits for each of the patterns to be compiled. */
const isUse = (rest: string): boolean => {
  if (rest.startsWith('set used = used + ')) return true;
  const [value, where] = rest.split(' where ', 2);
  return where !== undefined && value?.includes(',') === false && uses.some((use) => rest.startsWith(use));
};

const ofSecrets = new Set(['secrets', 'secret_versions']);

const letters = 'abcdefghijklmnopqrstuvwxyz_0123456789';
const verbs = ['insert into ', 'update ', 'delete from '] as const;

/** Up to where it can't go on. */
const nameAt = (text: string, start: number): string => {
  let end = start;
  while (letters.includes(text.charAt(end)) && end < text.length) end++;
  return text.slice(start, end);
};

/** Which part of what is remembered this statement, which changes something, may change; all of it, or that of secrets. */
export const disturbs = (sql: string): 'all' | 'secrets' | undefined => {
  const text = sql.trimStart();
  const verb = verbs.find((one) => text.startsWith(one));
  if (verb === undefined) return 'all';
  const name = nameAt(text, verb.length);
  if (ofSecrets.has(name)) return 'secrets';
  const rest = text.slice(verb.length + name.length).trimStart();
  return name === '' || (ofCredentials.has(name) && changesFound(verb, name, rest)) ? 'all' : undefined;
};

const changesFound = (verb: string, name: string, rest: string): boolean => {
  if (verb === 'insert into ') return !found.has(name) || rest.toLowerCase().includes('do update');
  // A token is removed long after its end, which who remembers it knows as well.
  if (verb === 'delete from ') return name !== 'tokens';
  return !isUse(rest);
};

/** More than any server has at once of what is used again and again. */
const mostFound = 150_000;
const mostSecrets = 10_000;

/** A memory, and whether there is anything in it. */
export interface OwnMemory extends Memory {
  isEmpty(): boolean;
}

/** An empty one. The oldest are let go where it gets too large. */
export const newMemory = (most = mostFound): OwnMemory => {
  const known = new Map<string, unknown>();
  const beside = new WeakMap<object, unknown>();
  return {
    isEmpty: () => known.size === 0,
    get: (name) => (typeof name === 'string' ? known.get(name) : beside.get(name)),
    set: (name, made) => {
      if (typeof name !== 'string') {
        beside.set(name, made);
        return;
      }
      if (known.size >= most) for (const oldest of [...known.keys()].slice(0, most / 10)) known.delete(oldest);
      known.set(name, made);
    },
  };
};

/** The same, with nothing in it that was told of secrets. */
export const withoutSecrets = (memory: OwnMemory): OwnMemory => ({ ...memory, secrets: newMemory(mostSecrets) });

/** What is remembered under this name, or what is found now; that there is nothing is never remembered. */
export const recall = <T>(
  { memory }: { readonly memory?: Memory | undefined },
  name: Source,
  find: () => Ready<T>,
): Ready<T> => {
  const known = memory?.get(name);
  if (known !== undefined) return known as T;
  return withReady(find(), (made) => {
    if (made !== undefined) memory?.set(name, made);
    return made;
  });
};
