import { MobiusError } from '../errors.ts';
import type { DeviceCode, DeviceToken } from '../generated/types.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import { opener } from '../platform.ts';

/** A person confirms in a browser, wherever it runs, what a program asks for here (RFC 8628). */

const grantType = 'urn:ietf:params:oauth:grant-type:device_code';

export interface Waiting {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const tooLate = (): MobiusError =>
  new MobiusError('unauthorized', 'nobody confirmed in time', {}, 'begin again: mobius auth login');

const oauthOf = (error: unknown): unknown => (error instanceof MobiusError ? error.details.oauth : undefined);

/** Asks at the pace that the server sets until somebody decided. */
export const awaitDecision = async (
  call: Call,
  { device_code, interval, expires_in }: DeviceCode,
  { now, sleep }: Waiting,
): Promise<DeviceToken> => {
  // What a server says may be anything: neither a storm of questions nor a wait without end.
  const within = (value: unknown, least: number, most: number): number =>
    typeof value === 'number' && value >= least ? Math.min(value, most) : least;
  const end = now() + within(expires_in, 60, 1800) * 1000;
  let pauseMs = within(interval, 1, 60) * 1000;
  while (now() < end) {
    await sleep(pauseMs);
    try {
      return await call('auth.device-token', { grant_type: grantType, device_code });
    } catch (error) {
      const said = oauthOf(error);
      if (said === 'access_denied') {
        throw new MobiusError('forbidden', 'the login was refused', {}, 'if that was a mistake, begin again');
      }
      if (said === 'expired_token') throw tooLate();
      if (said === 'slow_down') pauseMs += 5000;
      else if (said !== 'authorization_pending') throw error;
    }
  }
  throw tooLate();
};

/** The address came from the server: nothing but a page is opened, and no shell reads it. */
export const openBrowser = (io: Io, address: string): boolean => {
  const line = opener(io);
  const isPage = URL.canParse(address) && ['http:', 'https:'].includes(new URL(address).protocol);
  const [program, ...args] = line ?? [];
  if (io.terminal === undefined || program === undefined || !isPage) return false;
  try {
    const child = io.spawn(program, [...args, new URL(address).href], { stdio: 'ignore', detached: true });
    child.on('error', () => undefined);
    child.unref();
    return true;
  } catch {
    return false;
  }
};
