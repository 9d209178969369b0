import { expect } from 'vitest';
import { sending } from '../http/world.ts';
import { type DialectWorld, password } from './world.ts';

export interface Account {
  email: string;
  access_token: string;
  refresh_token: string;
  /** The one that came with it. */
  key: string;
}

/** Somebody whom nobody knew, with an account that they made themselves. */
export const register = async (world: Pick<DialectWorld, 'ask'>, name: string): Promise<Account> => {
  const email = `${name}@accounts.test`;
  const { status, body, headers } = await world.ask('POST', '/auth/register', sending({ email, name, password }));
  expect(status).toBe(201);
  const { access_token, refresh_token } = body as Account;
  return { email, access_token, refresh_token, key: String(headers['x-api-key']) };
};
