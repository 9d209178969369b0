import type { Served } from '../src/calls/local.ts';
import { cursorAt } from '../src/core/paging.ts';
import type { Call } from '../src/operations.ts';
import { type FilledPlace, type KeyFilled, secretName } from './filling.ts';

/** The calls that are made in a small vault and in a large one. */
export interface Full {
  place: FilledPlace;
  served: Served;
  call: Call;
  keys: KeyFilled;
  secrets: readonly string[];
}

export const pick = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T;
const someNumber = (all: readonly unknown[]): number => Math.floor(Math.random() * all.length);
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

const fromMiddle = (ids: readonly string[]): { cursor: string } => {
  const id = ids[Math.floor(ids.length / 2)] ?? '';
  return { cursor: cursorAt([{ id }, { id }], 1).next_cursor ?? '' };
};

let made = 0;
const newName = (): string => `made-${process.pid}-${made++}`;

export type Work = (full: Full) => Promise<unknown>;
export type Step = readonly [name: string, run: Work, before?: Work];

/**
 * A small vault would have in memory what of a large one is read anew: a change of access empties it, also over a database
 * server, where its entry in the audit log is what tells of it.
 */
const forget: Work = ({ call, keys }) =>
  call('principals.update', { id: keys.principals[0] ?? '', description: newName() });

const recipient = Buffer.alloc(32, 9).toString('base64');

export const secretSteps: readonly Step[] = [
  ['secrets.get, by id', ({ call, secrets }) => call('secrets.get', { secret: pick(secrets) }), forget],
  [
    'secrets.get, by name',
    ({ call, secrets }) => call('secrets.get', { secret: secretName(someNumber(secrets)) }),
    forget,
  ],
  [
    'secrets.get, of a hundred that are read',
    ({ call, secrets }) => call('secrets.get', { secret: pick(secrets.slice(0, 100)) }),
  ],
  [
    'secrets.use',
    ({ call, secrets }) => call('secrets.use', { references: [`${secretName(someNumber(secrets))}.value`], recipient }),
  ],
  ['secrets.list-versions', ({ call, secrets }) => call('secrets.list-versions', { secret: pick(secrets) })],
  ['secrets.list', ({ call }) => call('secrets.list', {})],
  ['secrets.list, from the middle', ({ call, secrets }) => call('secrets.list', fromMiddle(secrets))],
  ['secrets.list, tag of half of them', ({ call }) => call('secrets.list', { tag: ['env:prod'] })],
  ['secrets.list, tag of a few', ({ call }) => call('secrets.list', { tag: ['rare:yes'] })],
  ['secrets.list, any tag of that key', ({ call }) => call('secrets.list', { tag: ['rare:*'] })],
  ['secrets.list, a few that end', ({ call }) => call('secrets.list', { expires_before: inDays(2) })],
  ['secrets.list, half that end', ({ call }) => call('secrets.list', { expires_before: inDays(1000) })],
  ['secrets.list, a pattern of all', ({ call }) => call('secrets.list', { match: 'db/*' })],
  [
    'secrets.update, a new version',
    ({ call, secrets }) => call('secrets.update', { secret: pick(secrets), values: { value: newName() } }),
  ],
  [
    'secrets.create',
    ({ call }) =>
      call('secrets.create', {
        name: newName(),
        values: { value: 'plainly fake' },
        tags: { env: 'prod', team: 'new' },
      }),
  ],
];

const states = ['active', 'disabled', 'revoked', 'expired', 'retiring'] as const;

export const keySteps: readonly Step[] = [
  ['api-keys.verify', ({ call, keys }) => call('api-keys.verify', { key: pick(keys.raw) }), forget],
  [
    'api-keys.verify, of a hundred that are used',
    ({ call, keys }) => call('api-keys.verify', { key: pick(keys.raw.slice(0, 100)) }),
  ],
  ['api-keys.get, by id', ({ call, keys }) => call('api-keys.get', { id: pick(keys.ids) })],
  ['api-keys.get, by name', ({ call, keys }) => call('api-keys.get', { id: pick(keys.names) })],
  ['api-keys.list', ({ call }) => call('api-keys.list', {})],
  ['api-keys.list, from the middle', ({ call, keys }) => call('api-keys.list', fromMiddle(keys.ids))],
  ...states.flatMap((state): Step[] => [
    [`api-keys.list, ${state}`, ({ call }) => call('api-keys.list', { state })],
    [
      `api-keys.list, ${state}, from the middle`,
      ({ call, keys }) => call('api-keys.list', { state, ...fromMiddle(keys.ids) }),
    ],
  ]),
  ['api-keys.list, tag of half of them', ({ call }) => call('api-keys.list', { tag: ['env:prod'] })],
  [
    'api-keys.list, the same from the middle',
    ({ call, keys }) => call('api-keys.list', { tag: ['env:prod'], ...fromMiddle(keys.ids) }),
  ],
  [
    'api-keys.list, tag of a hundred',
    ({ call, keys }) => call('api-keys.list', { tag: [`team:team-${someNumber(keys.principals)}`] }),
  ],
  ['api-keys.list, tag of a few', ({ call }) => call('api-keys.list', { tag: ['rare:yes'] })],
  ['api-keys.list, any tag of that key', ({ call }) => call('api-keys.list', { tag: ['rare:*'] })],
  ['api-keys.list, both tags', ({ call }) => call('api-keys.list', { tag: ['env:prod', 'rare:yes'] })],
  [
    'api-keys.list, revoked, tag of a few',
    ({ call }) => call('api-keys.list', { state: 'revoked', tag: ['rare:yes'] }),
  ],
  ['api-keys.list, of a principal', ({ call, keys }) => call('api-keys.list', { principal_id: pick(keys.principals) })],
  [
    'api-keys.list, of a principal, active',
    ({ call, keys }) => call('api-keys.list', { principal_id: pick(keys.principals), state: 'active' }),
  ],
  ['api-keys.list, a few that end', ({ call }) => call('api-keys.list', { expires_before: inDays(2) })],
  ['api-keys.list, half that end', ({ call }) => call('api-keys.list', { expires_before: inDays(1000) })],
  [
    'api-keys.create',
    ({ call, keys }) =>
      call('api-keys.create', {
        name: newName(),
        principal_id: pick(keys.principals),
        tags: { env: 'prod', team: 'new' },
      }),
  ],
];
