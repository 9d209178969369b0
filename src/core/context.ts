import type { Input, Name, Output } from '../operations.ts';
import type { Passwords } from '../passwords.ts';
import type { KeyRow } from '../store/api-keys.ts';
import type { Mode } from '../store/db.ts';
import type { ProjectRow } from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import type { TokenRow } from '../store/tokens.ts';
import type { Actor, Bound, Caller } from './caller.ts';
import type { Signatures } from './jwt.ts';
import type { Manner } from './manner.ts';

/** What a change tells the audit log. Secret values never; of a changed text only which field it was. */
export interface Change {
  type: string;
  id: string;
  name?: string;
  changes?: Record<string, unknown>;
  /** Where it is not the project of the call. */
  projectId?: string;
}

/** What a handler works with. Everything goes through the one transaction of its call. */
export interface Context extends Store {
  now: number;
  caller: Caller;
  /** As another system's contract wants it; empty for our own. */
  manner: Manner;
  newId(prefix: string): string;
  newUuid(): Uint8Array;
  randomBytes(length: number): Uint8Array;
  /** In hexadecimal. */
  sha256(bytes: Uint8Array): string;
  /** Appends an audit row in the same transaction. */
  changed(change: Change): Promise<void>;
  /** Notes that a key was accepted; written after the call. */
  used(key: Bound): void;
  /** Counts a use of a key that has a rate limit: what is left of it, and whether this one still fits. */
  meter(key: KeyRow): Metered;
  /** Counts a request of a token, as durable as an answer must be: what is left of it, undefined where nothing was. */
  spend(token: TokenRow): Promise<number | undefined>;
  signatures: Signatures;
  /** Who issues the tokens of this vault. */
  issuer: string;
  /** Where people reach this server; empty where there is none. */
  publicUrl: string;
}

/** `remaining` is absent where there is no limit. */
export type Metered = { fits: true; remaining?: number } | { fits: false; retryAfterSeconds: number };

/** In a project's operations the project is there; elsewhere there is none. */
export interface ProjectContext extends Context {
  project: ProjectRow;
}

export type Handler<K extends Name> = (context: ProjectContext, input: Input<K>) => Promise<Output<K>>;

/** What may be done before an operation's transaction, which nothing slow may hold up. */
export interface Outside {
  actor: Actor;
  /** Who acts; nobody where the operation is for everybody. */
  caller: Caller;
  /** The project that the operation is about; absent where it is about none. */
  project: ProjectRow | undefined;
  now: number;
  passwords: Passwords;
  /** Whoever asks may make themselves an account. */
  openRegistration: boolean;
  /** A transaction of its own: it stands even where the operation fails. */
  tx<T>(mode: Mode, body: (store: Store) => Promise<T>): Promise<T>;
  /** Appends an audit row of what such a transaction did. */
  changed(store: Store, change: Change): Promise<void>;
}

/** A handler in two parts: what is slow or must stand by itself comes first, then what its transaction does. */
export interface TwoPart<K extends Name> {
  /** Does it alone where this input needs nothing before. */
  alone?(input: Input<K>): Handler<K> | undefined;
  before(outside: Outside, input: Input<K>): Promise<Handler<K>>;
}

/** All operations of a noun: one that is missing, or of the wrong shape, does not compile. */
export type Handlers<K extends Name> = { readonly [P in K]: Handler<P> | TwoPart<P> };

/** The properties whose value is there: an absent optional field is left out of an answer, never null. */
export const present = <T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], null | undefined> } => {
  const found: Record<string, unknown> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined && value !== null) found[name] = value;
  }
  return found as { [K in keyof T]: Exclude<T[K], null | undefined> };
};
