import { isIP, type Socket } from 'node:net';
import type { Actor, Origin } from '../core/caller.ts';
import type { Head } from './door.ts';

/** What a proxy says in place of an address that it doesn't tell: in no network, and never this machine. */
const unknownAddress = '0.0.0.0';

/** Some proxies add the port that a caller came from. */
const withoutPort = (text: string): string =>
  text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');

/** As one address is always spelled, whichever way it came; what is none never counts as this machine's. */
export const addressOf = (told: string): string => {
  const plain = withoutPort(told.trim());
  return (isIP(plain) === 0 ? unknownAddress : plain).replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
};

/**
 * Where a request came from. The proxy before us adds the address that it saw at the end of what it was told; behind a
 * file it is the proxy's to say as well.
 */
export const addressFor = (
  { headers }: Head,
  socket: Pick<Socket, 'remoteAddress'>,
  throughFile: boolean,
  behindProxy: boolean,
): string => {
  const told = behindProxy ? headers['x-forwarded-for']?.toString() : undefined;
  if (told !== undefined) return addressOf(told.slice(told.lastIndexOf(',') + 1));
  // The address of one who is gone already isn't known any more, which must not make it this machine's.
  return throughFile ? '127.0.0.1' : addressOf(socket.remoteAddress ?? '');
};

/** Node keeps the first of two such headers, a proxy before us may have looked at the second. */
const authorizations = ({ rawHeaders }: Head): string[] => {
  const found: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    if (name.length === 13 && name.toLowerCase() === 'authorization') found.push(value);
  }
  return found;
};

export const hasOneAuthorization = (request: Head): boolean => authorizations(request).length < 2;

/** Where a request came from, for the record. */
export const originOf = ({ headers }: Head, ip: string): Origin => {
  const agent = headers['user-agent'];
  return { ip, ...(agent === undefined ? {} : { userAgent: agent.slice(0, 256) }) };
};

/**
 * Who a request acts for. What is no single bearer credential becomes one that can't have been issued, so that one
 * place, the core, decides what it may do.
 */
export const actorOf = (request: Head, ip: string, ownerWithoutCredential: boolean): Actor => {
  const from = originOf(request, ip);
  const given = authorizations(request);
  if (given.length === 0) return ownerWithoutCredential ? { kind: 'owner' } : { kind: 'nobody', from };
  const [, text = ''] = (given.length === 1 && /^bearer +(\S+) *$/i.exec(given[0] ?? '')) || [];
  return { kind: 'bearer', text, from };
};
