import { parseTypeId, uuidText } from '../core/ids.ts';
import { type Dialect, idOf, type Outside, type Route } from '../dialects/dialect.ts';
import { MobiusError } from '../errors.ts';
import type { Name } from '../operations.ts';
import { queryOf, segment } from './wire.ts';

/** What can be said to a server of another system; all of it without asking one. */

export type Values = Readonly<Record<string, unknown>>;

/** One request in the words of that system. */
export interface Wording {
  method: Route['method'];
  /** With its query. */
  path: string;
  body?: Values | undefined;
}

export interface Speech {
  title: string;
  logins: Dialect['logins'];
  probe: Name;
  has(name: Name): boolean;
  /** What our own contract must be told and this one takes for granted. */
  assumes(name: Name): Values;
  /** Rejects as `unsupported` what can't be said: the operation, a property of its input, or a value of one. */
  check(name: Name, input?: Values): void;
  /** The request that it is, for who wants to see it. Ids that the server would be asked for first stay names. */
  wording(name: Name, input: Values): Wording;
}

const spoken = (name: Name): string => name.replace('.', ' ');

/** The routes that a client of ours asks for an operation, the better one first. */
export const routesOf = ({ routes, clientRoutes = [] }: Dialect, name: Name): readonly Route[] => {
  const all = [...routes, ...clientRoutes].filter((one) => one.operation === name);
  return [...all.filter(({ older }) => older !== true), ...all.filter(({ older }) => older === true)];
};

/** The commands that there are for such a server, verbs behind their noun. */
const commandsOf = ({ routes }: Dialect): string => {
  const verbs = new Map<string, Set<string>>();
  for (const { operation } of routes) {
    const [noun = '', verb = ''] = operation.split('.');
    // A person knows the others as parts of signing in.
    if (noun === 'auth' && verb !== 'whoami') continue;
    verbs.set(noun, (verbs.get(noun) ?? new Set()).add(verb));
  }
  return [...verbs].map(([noun, those]) => `${noun} ${[...those].join(', ')}`).join('; ');
};

export const firstRoute = (dialect: Dialect, name: Name): Route => {
  const [first] = routesOf(dialect, name);
  if (first !== undefined) return first;
  const message = `a ${dialect.title} server has no "${spoken(name)}"`;
  throw new MobiusError('unsupported', message, { operation: name }, `it has: ${commandsOf(dialect)}`);
};

const given = (input: Values): [string, unknown][] => Object.entries(input).filter(([, value]) => value !== undefined);

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The part of the input that is said; what this contract takes for granted need not be, and it has no projects. */
export const saidOf = ({ title }: Dialect, { operation, fields, assumes = {} }: Route, input: Values): Values => {
  const known: readonly string[] = fields;
  const granted = new Map(Object.entries(assumes));
  const rest = given(input).filter(([name, value]) => {
    if (name === 'project') return false;
    return known.includes(name) || !granted.has(name) || !same(granted.get(name), value);
  });
  const unknown = rest.find(([name]) => !known.includes(name));
  if (unknown === undefined) return Object.fromEntries(rest);
  const [field] = unknown;
  const takes = known.length === 0 ? 'it takes nothing' : `it takes: ${known.join(', ')}`;
  throw new MobiusError(
    'unsupported',
    `"${spoken(operation)}" of a ${title} server takes no "${field}"`,
    { field, problem: `is nothing that "${spoken(operation)}" of a ${title} server takes`, takes: known },
    takes,
  );
};

/** Whether the text that names an API key is an id, in either spelling; ours then. */
export const keyIdOf = (text: string): string | undefined =>
  parseTypeId(text)?.prefix === 'key' ? text : idOf('apiKey', text);

/** The request of a route, from what is said. */
export const wordingOf = (route: Route, said: Values, outside: Outside): Wording => {
  const { params = {}, query = {}, body } = route.send(said as never, outside);
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(params[name]));
  return { method: route.method, path: path + queryOf(Object.entries(query)), body };
};

/** The same with the id of a key as this server knows it. */
export const withKeyId = (name: Name, input: Values): Values => {
  const id = name.startsWith('api-keys.') && typeof input.id === 'string' ? keyIdOf(input.id) : undefined;
  return id === undefined ? input : { ...input, id };
};

/** The header that says it, where one was chosen. */
export const organizationIn = (
  { organizationHeader: header, title }: Dialect,
  organization: string | undefined,
): Readonly<Record<string, string>> => {
  if (organization === undefined) return {};
  if (header === undefined) {
    throw new MobiusError(
      'unsupported',
      `a ${title} server has no organizations to choose from`,
      { field: 'organization' },
      'leave --organization and MOBIUS_ORGANIZATION out',
    );
  }
  if (/^[\x21-\x7e]{1,200}$/.test(organization)) return { [header]: organization };
  throw new MobiusError('usage', 'an organization is named by its id, without spaces', { field: 'organization' });
};

interface World {
  now(): number;
  newUuid(): Uint8Array;
}

export const outsideOf = ({ now, newUuid }: World): Outside => ({ now: now(), newUuid: () => uuidText(newUuid()) });

export const speechOf = (dialect: Dialect, world: World, organization?: string): Speech => {
  organizationIn(dialect, organization);
  const wording = (name: Name, input: Values): Wording => {
    const route = firstRoute(dialect, name);
    return wordingOf(route, saidOf(dialect, route, withKeyId(name, input)), outsideOf(world));
  };
  return {
    title: dialect.title,
    logins: dialect.logins,
    probe: dialect.probe,
    has: (name) => routesOf(dialect, name).length > 0,
    assumes: (name) => routesOf(dialect, name)[0]?.assumes ?? {},
    check(name, input) {
      if (input === undefined) firstRoute(dialect, name);
      else wording(name, input);
    },
    wording,
  };
};
