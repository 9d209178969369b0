import type { Input, Name, Output } from '../operations.ts';
import type { ProjectRow } from '../store/projects.ts';
import type { Store } from '../store/table.ts';
import type { Caller } from './caller.ts';

/** What a change tells the audit log. Secret values never; of a changed text only which field it was. */
export interface Change {
  type: string;
  id: string;
  name?: string;
  changes?: Record<string, unknown>;
}

/** What a handler works with. Everything goes through the one transaction of its call. */
export interface Context extends Store {
  now: number;
  caller: Caller;
  newId(prefix: string): string;
  newUuid(): Uint8Array;
  randomBytes(length: number): Uint8Array;
  /** In hexadecimal. */
  sha256(bytes: Uint8Array): string;
  /** Appends an audit row in the same transaction. */
  changed(change: Change): Promise<void>;
  /** Notes that a key was accepted; written after the call. */
  used(keyId: string): void;
}

/** In a project's operations the project is there; elsewhere there is none. */
export interface ProjectContext extends Context {
  project: ProjectRow;
}

export type Handler<K extends Name> = (context: ProjectContext, input: Input<K>) => Promise<Output<K>>;

/** All operations of a noun: one that is missing, or of the wrong shape, does not compile. */
export type Handlers<K extends Name> = { readonly [P in K]: Handler<P> };

export const iso = (time: number): string => new Date(time).toISOString().replace('.000Z', 'Z');

/** The properties whose value is there: an absent optional field is left out of an answer, never null. */
export const present = <T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], null | undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]: Exclude<T[K], null | undefined>;
  };
