import type { IncomingMessage, ServerResponse } from 'node:http';

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

const addCors = (request: IncomingMessage, response: ServerResponse, origins: readonly string[]): void => {
  if (origins.length === 0) return;
  response.setHeader('Vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', 'X-Request-Id, Retry-After');
  if (request.method !== 'OPTIONS') return;
  for (const [name, value] of Object.entries(preflight)) response.setHeader(name, value);
};

/** What every answer carries; a route may say another thing in the place of one. */
export const addHeaders = (
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  { corsOrigins, tls }: HeaderOptions,
): void => {
  response.setHeader('X-Request-Id', id);
  for (const [name, value] of Object.entries(security)) response.setHeader(name, value);
  if (tls) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
  addCors(request, response, corsOrigins);
};
