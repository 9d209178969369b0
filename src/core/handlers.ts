import type { Name, NameOf, Noun } from '../operations.ts';
import type { Ready } from '../ready.ts';
import type { Handler, Handlers, TwoPart } from './context.ts';

/** Every noun's handlers, loaded when the noun is first called. */
const nouns: { readonly [N in Noun]: () => Promise<{ handlers: Handlers<NameOf<N>> }> } = {
  'audit-logs': () => import('./audit-logs.ts'),
  auth: () => import('./auth.ts'),
  projects: () => import('./projects.ts'),
  principals: () => import('./principals.ts'),
  roles: () => import('./roles.ts'),
  rotations: () => import('./rotations.ts'),
  permissions: () => import('./permissions.ts'),
  secrets: () => import('./secrets.ts'),
  tokens: () => import('./tokens.ts'),
  users: () => import('./users.ts'),
  'api-keys': () => import('./api-keys.ts'),
};

const known = new Map<Name, unknown>();

const load = async <K extends Name>(name: K): Promise<Handler<K> | TwoPart<K>> => {
  const noun = name.slice(0, name.indexOf('.')) as Noun;
  const { handlers } = await nouns[noun]();
  const handler = (handlers as unknown as Handlers<K>)[name];
  known.set(name, handler);
  return handler;
};

/** An import costs something each time, also of what is there already. */
export const handlerOf = <K extends Name>(name: K): Ready<Handler<K> | TwoPart<K>> =>
  (known.get(name) as Handler<K> | TwoPart<K> | undefined) ?? load(name);
