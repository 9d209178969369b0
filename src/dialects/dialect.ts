import { idPrefixes, parseTypeId, parseUuidText, typeId, uuidText } from '../core/ids.ts';
import type { CredentialKind, Manner } from '../core/manner.ts';
import { type Details, MobiusError } from '../errors.ts';
import type { Input, Name, Operation, Output } from '../operations.ts';

/** A request as its sender means it, apart from who sends it. */
export interface Sent {
  /** The texts of the path's `{name}`s. */
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  body?: Readonly<Record<string, unknown>>;
}

/** The same as it came: nothing of it is known to be sound. */
export interface Received {
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  /** What the body held as JSON; undefined where there was none. */
  body: unknown;
}

/** What cannot be pure by itself. */
export interface Outside {
  now: number;
  /** A new UUID, as text. */
  newUuid(): string;
}

export interface Answered {
  status: number;
  /** Absent for an answer without a body. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** One request of another system's contract, and the operation of ours that it is. Both directions of both sides. */
export interface Route<K extends Name = Name> {
  operation: K;
  method: Operation['method'];
  /** With `{name}` for a part that differs, `*` at the end for whatever follows. */
  path: string;
  manner: Manner;
  /** The properties of the operation's input that it can say. */
  fields: readonly (keyof Input<K> & string)[];
  /** Those that our own contract must be told and this one takes for granted. */
  assumes?: Partial<Input<K>>;
  /** The server gives `answer` all pages as one. */
  allPages?: true;
  /** A client has a better one for the same operation, where the server knows it. */
  older?: true;
  /** It may be asked without a credential. */
  open?: true;
  send(input: Input<K>, outside: Outside): Sent;
  /** What the answer says in our words, as far as it says it; `body` and `headers` are whatever came. */
  receive(body: unknown, input: Input<K>, headers?: Headers): Partial<Output<K>>;
  /** Rejects with MobiusError, whose words the dialect's `refuse` puts into its own. */
  accept(received: Received, outside: Outside): Input<K>;
  answer(output: Output<K>, received: Received, outside: Outside): Answered;
}

/** What a request shows of who sends it. */
export type Shown = { kind: 'none' } | { kind: 'unreadable' } | { kind: 'credential'; text: string };

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** One thing that a server of this kind has besides; what it asks of the core it asks as whoever sent the request. */
export interface Beside {
  method: Operation['method'];
  path: string;
  /** What the log and the metrics call it. */
  named: string;
  manner: Manner;
  open?: true;
  serve(request: Served): Promise<Answered>;
}

export interface Served {
  ask<K extends Name>(name: K, input: Input<K>, more?: Asking): Promise<Output<K>>;
  received(): Received;
  outside: Outside;
  shown: Shown;
}

export interface Asking {
  /** In the place of what the request says. */
  organization?: string;
  /** In the place of the credential that came. */
  credential?: string;
}

export interface Dialect {
  /** As people call the system. */
  title: string;
  /** What its paths begin with, so far as nobody else's do. */
  prefixes: readonly string[];
  routes: readonly Route[];
  beside: readonly Beside[];
  /** What a client asks for, and the server has among what is beside. */
  clientRoutes?: readonly Route[];
  /** The header that chooses one of the caller's organizations. */
  organizationHeader?: string;
  /** What a client shows of its credential. */
  showing(credential: string): Readonly<Record<string, string>>;
  /** Reads it again, and refuses what this contract doesn't take from there. */
  shownIn(headers: Headers): Shown;
  /** A refusal as this system words it; without an operation it is of something that it has besides. */
  refuse(error: MobiusError, shown: Shown, operation?: Name): Answered;
  /** What a refusal of such a server means; undefined where the body is none of its. */
  refusal(status: number, body: unknown): { message: string; details?: Details } | undefined;
  /** Whether it only says that there is no such path. */
  isNoPath(status: number, body: unknown): boolean;
  /** With a slash at its end a path is the same, or is to be asked again without it. */
  trailingSlash: 'same' | 'redirect';
  /** The operation that a client asks to see whether a credential is accepted. */
  probe: Name;
  /** How a person signs in. */
  logins: readonly ('browser' | 'password' | 'token')[];
}

/** A route keeps what its own operation's input and output are; in a list they are all kinds of them. */
export const route = <K extends Name>(one: Route<K>): Route => one as unknown as Route;

export type IdNoun = keyof typeof idPrefixes;

/** The UUID that an id of ours has, or the text itself: a server says then that there is no such thing. */
export const uuidOf = (id: string): string => {
  const parsed = parseTypeId(id);
  return parsed === undefined ? id : uuidText(parsed.uuid);
};

/** Our id of a UUID; undefined where the text is none. */
export const idOf = (noun: IdNoun, text: unknown): string | undefined => {
  const uuid = typeof text === 'string' ? parseUuidText(text) : undefined;
  return uuid === undefined ? undefined : typeId(idPrefixes[noun], uuid);
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The properties that are there: what another system has as null is absent in ours. */
export const present = <T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], null | undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]: Exclude<T[K], null | undefined>;
  };

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** A time of another system in our spelling. */
export const timeOf = (value: unknown): string | undefined => {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace('.000Z', 'Z');
};

/** The objects that a body holds under this name, or is itself. */
export const itemsIn = (list: unknown): Record<string, unknown>[] => {
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new MobiusError('service_unavailable', 'the answer holds no list');
};

export const objectIn = (value: unknown): Record<string, unknown> => {
  if (isObject(value)) return value;
  throw new MobiusError('service_unavailable', 'the answer is no object');
};

/** What an answer can't be without. */
export const needed = <T>(value: T | undefined, what: string): T => {
  if (value !== undefined) return value;
  throw new MobiusError('service_unavailable', `the answer holds no ${what}`);
};

export const noBody: Answered = { status: 204 };

export const session: readonly CredentialKind[] = ['session'];

/** The one credential in `Authorization: Bearer ...`; Node has joined what came twice, or kept the first. */
export const bearerIn = ({ authorization }: Headers): Shown => {
  if (authorization === undefined) return { kind: 'none' };
  const [, text] = /^bearer +(\S+) *$/i.exec(String(authorization)) ?? [];
  return text === undefined ? { kind: 'unreadable' } : { kind: 'credential', text };
};
