import type { ServerResponse } from 'node:http';
import type { Head } from './door.ts';

export interface HeaderOptions {
  corsOrigins: readonly string[];
  /** The answers go out encrypted, and are to be asked for that way from now on. */
  tls: boolean;
}

const security: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};

const preflight: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE',
  'Access-Control-Allow-Headers':
    'Authorization, Content-Type, Idempotency-Key, If-Match, X-API-Key, X-Organization-Id',
  'Access-Control-Max-Age': '600',
};

const corsOf = ({ method, headers: { origin } }: Head, origins: readonly string[]): readonly string[] => {
  const vary = ['Vary', 'Origin'];
  if (origin === undefined || !origins.includes(origin)) return vary;
  const allowed = ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', 'X-Request-Id, Retry-After'];
  return [...vary, ...allowed, ...(method === 'OPTIONS' ? Object.entries(preflight).flat() : [])];
};

const always = Object.entries(security).flat();

/**
 * What every answer to such a request carries besides its id, each name before its value. A route may say another thing
 * in the place of one.
 */
export const headersOf = (request: Head, { corsOrigins, tls }: HeaderOptions): string[] => {
  const headers = [...always];
  if (tls) headers.push('Strict-Transport-Security', 'max-age=31536000');
  if (corsOrigins.length > 0) headers.push(...corsOf(request, corsOrigins));
  return headers;
};

export const addHeaders = (response: ServerResponse, headers: readonly string[]): void => {
  for (let at = 0; at < headers.length; at += 2) response.setHeader(headers[at] ?? '', headers[at + 1] ?? '');
};
