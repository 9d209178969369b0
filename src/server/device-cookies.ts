import type { FastifyRequest } from 'fastify';
import { randomBytes, sha256 } from '../crypto.ts';
import { MobiusError } from '../errors.ts';

/** Where a browser finds the page, and how its cookies are to be. */
export interface Door {
  /** The path as the browser sees it. */
  path: string;
  origin: string;
  secure: boolean;
}

/** What a browser brings along. */
export interface Brought {
  /** The session's JWT; absent where nobody is signed in. */
  session?: string | undefined;
  /** A random text that only this browser has. */
  browser?: string | undefined;
}

export const doorOf = ({ protocol, host }: FastifyRequest, publicUrl: string | undefined): Door => {
  const url = publicUrl ?? `${protocol}://${host}`;
  if (!URL.canParse(url)) throw new MobiusError('bad_request', 'the request names no host');
  const { origin, pathname } = new URL(url);
  const before = publicUrl === undefined ? '' : pathname.replace(/\/+$/, '');
  return { path: `${before}/device`, origin, secure: origin.startsWith('https:') };
};

/** Browsers take a cookie with this prefix over TLS alone: nobody on the way can plant one. */
const nameOf = (name: string, { secure }: Door): string => `${secure ? '__Secure-' : ''}mobius_device_${name}`;

/** A cookie that comes twice is none: one of the two was planted, and nobody can tell which. */
const cookie = (header: string | undefined, name: string, shape: RegExp): string | undefined => {
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [value = ''] = values;
  return values.length === 1 && shape.test(value) ? value : undefined;
};

export const broughtBy = ({ headers }: FastifyRequest, door: Door): Brought => ({
  session: cookie(headers.cookie, nameOf('session', door), /^eyJ[\w-]{1,512}\.[\w-]{1,2048}\.[\w-]{1,512}$/),
  browser: cookie(headers.cookie, nameOf('browser', door), /^[\w-]{43}$/),
});

/**
 * Strict: a link on another site brings no session along, and can't spend the tries that its owner has. A link in a
 * terminal or a QR code comes from no site, and does.
 */
const attributes = ({ path, secure }: Door): string =>
  `Path=${path}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;

export const sessionCookie = (door: Door, session: string, seconds: number): string =>
  `${nameOf('session', door)}=${session}; Max-Age=${seconds}; ${attributes(door)}`;

export const noSessionCookie = (door: Door): string => sessionCookie(door, '', 0);

export const browserCookie = (door: Door, browser: string): string =>
  `${nameOf('browser', door)}=${browser}; ${attributes(door)}`;

export const noBrowserCookie = (door: Door): string => `${nameOf('browser', door)}=; Max-Age=0; ${attributes(door)}`;

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

export const newBrowser = (): string => base64url(randomBytes(32));

/** What the forms of a browser carry while one session lasts: no form from elsewhere can know it, nor one of another. */
export const formToken = ({ session = '', browser = '' }: Brought): string =>
  base64url(sha256(new TextEncoder().encode(`${session}\n${browser}`)));

/**
 * The same of the form to sign in, whoever is signed in: it is also shown to whoever comes from another site, and whose
 * session only comes along when they send the form.
 */
export const signInToken = ({ browser }: Brought): string => formToken({ browser });

/**
 * Against forms on other sites, which a browser sends with what it has of ours, and against a login that somebody else
 * begins in this browser under their name. `Origin` says where a form stood; a browser that leaves it out says at least
 * whether that was here.
 */
export const requireOwnForm = (
  { headers }: FastifyRequest,
  { origin }: Door,
  given: string | undefined,
  expected: string,
): void => {
  const fromHere =
    headers.origin === undefined ? headers['sec-fetch-site'] === 'same-origin' : headers.origin === origin;
  if (!fromHere) throw new MobiusError('forbidden', 'the form stood on another site', { reason: 'origin' });
  if (given !== expected) throw new MobiusError('forbidden', 'the form is too old', { reason: 'form' });
};
