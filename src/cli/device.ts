import { MobiusError } from '../errors.ts';
import type { DeviceCode, DeviceToken } from '../generated/types.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';

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
  const end = now() + expires_in * 1000;
  let pauseMs = Math.max(1, interval) * 1000;
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

/** How this system opens an address, where somebody sits in front of a screen. */
const opener = ({ platform, env }: Io): readonly string[] | undefined => {
  if (platform === 'darwin') return ['open'];
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
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
