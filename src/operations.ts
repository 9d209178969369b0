import type { Operations } from './generated/types.ts';

/** The name of one thing the product can do: `api-keys.create`. */
export type Name = keyof Operations;
export type Noun = Name extends `${infer N}.${string}` ? N : never;
export type NameOf<N extends Noun> = Extract<Name, `${N}.${string}`>;
export type Input<K extends Name> = Operations[K]['input'];
export type Output<K extends Name> = Operations[K]['output'];

export interface CallOptions {
  signal?: AbortSignal;
  idempotencyKey?: string;
  /** What was asked in other words than the input's, where those are not the same when it is asked again. */
  said?: object;
}

/**
 * The whole backend abstraction: the local core seen as some actor is a Call, a remote server with a credential is a
 * Call. Who acts is bound into the Call and never part of the input. Rejects with MobiusError only.
 */
export type Call = <K extends Name>(name: K, input: Input<K>, options?: CallOptions) => Promise<Output<K>>;

/** What the generated table says of an operation; the server, the door and the command line all read it. */
export interface Operation {
  summary: string;
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `{name}` for what comes from the input; the rest of the input is the query of a GET or DELETE, else the body. */
  path: string;
  status: 200 | 201 | 204;
  /**
   * A read never takes the write lock; a write runs in one transaction that also appends its audit row; a count changes
   * counters alone, leaves no audit row, and goes on in a project that is archived.
   */
  access: 'read' | 'write' | 'count';
  /** Absent: any accepted credential will do. */
  permission?: string;
  /**
   * `vault`: it stands above the projects, so only the owner and an administrator may, whatever a project's roles say;
   * `public`: without any credential.
   */
  scope: 'project' | 'vault' | 'caller' | 'public';
  /** Only a person who is logged in may, and the owner; an API key not. */
  interactive?: true;
  /** A short-lived token can't do it, whatever permissions it carries. */
  byToken?: false;
  /** It may be done again as often as it is asked: no answer is kept for an Idempotency-Key. */
  repeatable?: true;
  /** RFC 8628 wants a form in place of JSON, and errors that are flat. */
  wire?: 'oauth';
  /** Its answer holds a value that is shown this once. */
  oneTime?: true;
  /** Properties of the input that a header carries, as `if_version: 'If-Match'`. */
  headers?: Readonly<Record<string, string>>;
}
