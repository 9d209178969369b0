import { MobiusError } from '../errors.ts';
import type { Session } from '../generated/types.ts';
import type { Output } from '../operations.ts';
import {
  type Beside,
  isObject,
  needed,
  objectIn,
  present,
  type Route,
  route,
  session,
  textOf,
  uuidOf,
} from './dialect.ts';
import { bodyOf, families, manner, reading } from './mutx-input.ts';

const tokensOf = ({ access_token, refresh_token, expires_in }: Session) => ({
  access_token,
  refresh_token,
  token_type: 'bearer',
  expires_in,
});

const tokensFrom = (body: unknown): Output<'auth.login'> => {
  const made = objectIn(body);
  return {
    access_token: needed(textOf(made.access_token), 'access token'),
    refresh_token: needed(textOf(made.refresh_token), 'refresh token'),
    token_type: 'Bearer',
    expires_in: typeof made.expires_in === 'number' ? made.expires_in : 0,
  } as Output<'auth.login'>;
};

/** When an account was made stands in its id. */
const madeAt = (uuid: string): string =>
  new Date(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toISOString();

export const authRoutes = families.flatMap(({ at }): Route[] => {
  const older = at === '' ? ({ older: true } as const) : {};
  return [
    route<'auth.register'>({
      ...older,
      operation: 'auth.register',
      method: 'POST',
      path: `${at}/auth/register`,
      manner,
      open: true,
      fields: ['email', 'name', 'password'],
      send: ({ email, name, password }) => ({ body: { email, name, password } }),
      receive: (body, _, headers) => ({
        ...tokensFrom(body),
        ...present({ key: textOf(headers?.['x-api-key']) }),
      }),
      accept(received) {
        const read = reading('body', bodyOf(received, true));
        const input = {
          email: read.email('email'),
          name: read.text('name', { least: 1 }),
          password: read.text('password'),
        };
        read.done();
        return input;
      },
      answer: (made) => ({ status: 201, body: tokensOf(made), headers: { 'X-API-Key': made.key } }),
    }),
    route<'auth.login'>({
      ...older,
      operation: 'auth.login',
      method: 'POST',
      path: `${at}/auth/login`,
      manner,
      open: true,
      fields: ['email', 'password', 'label'],
      send: ({ email, password }) => ({ body: { email, password } }),
      receive: tokensFrom,
      accept(received) {
        const read = reading('body', bodyOf(received, true));
        const input = { email: read.email('email'), password: read.text('password') };
        read.done();
        return input;
      },
      answer: (made) => ({ status: 200, body: tokensOf(made) }),
    }),
    route<'auth.refresh'>({
      ...older,
      operation: 'auth.refresh',
      method: 'POST',
      path: `${at}/auth/refresh`,
      manner,
      open: true,
      fields: ['refresh_token'],
      send: ({ refresh_token }) => ({ body: { refresh_token } }),
      receive: tokensFrom,
      accept(received) {
        const read = reading('body', bodyOf(received, true));
        const input = { refresh_token: read.text('refresh_token') };
        read.done();
        return input;
      },
      answer: (made) => ({ status: 200, body: tokensOf(made) }),
    }),
    route<'auth.whoami'>({
      ...older,
      operation: 'auth.whoami',
      method: 'GET',
      path: `${at}/auth/me`,
      manner: { ...manner, credentials: session },
      fields: [],
      send: () => ({}),
      receive(body) {
        const { email, name } = objectIn(body);
        const known = present({ email: textOf(email), name: textOf(name) ?? textOf(email) });
        return { kind: 'user' as const, ...known };
      },
      accept: () => ({}),
      answer({ user_id: id = '', email, name }) {
        const uuid = uuidOf(id);
        return { status: 200, body: { id: uuid, email, name, created_at: madeAt(uuid), is_active: true } };
      },
    }),
  ];
});

/** A session is ended by its access token, or by its refresh token where the other is over. */
export const logouts = families.map(
  ({ at }): Beside => ({
    method: 'POST',
    path: `${at}/auth/logout`,
    named: 'mutx logout',
    manner: { credentials: session },
    open: true,
    async serve({ ask, received }) {
      await ask('auth.logout', {}).catch(async (error: unknown) => {
        const { body } = received();
        const token = isObject(body) ? body.refresh_token : undefined;
        if (!(error instanceof MobiusError) || error.code !== 'unauthorized' || typeof token !== 'string') throw error;
        const { access_token: credential } = await ask('auth.refresh', { refresh_token: token });
        await ask('auth.logout', {}, { credential });
      });
      return { status: 200, body: { message: 'Successfully logged out' } };
    },
  }),
);

export const logoutRoutes = families.map(
  ({ at }): Route =>
    route<'auth.logout'>({
      ...(at === '' ? { older: true } : {}),
      operation: 'auth.logout',
      method: 'POST',
      path: `${at}/auth/logout`,
      manner,
      fields: [],
      send: () => ({}),
      receive: () => undefined,
      accept: () => ({}),
      answer: () => ({ status: 200, body: { message: 'Successfully logged out' } }),
    }),
);
