import type { Head } from './door.ts';

/** The head of a request of which nothing can be read in two ways; `length`: of the body behind it. */
export interface PlainHead extends Head {
  headers: Record<string, string>;
  length: number;
}

const firstLine = /^(GET|POST|PATCH|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1\r\n/;
/** A header of one line, with a value. What stands behind the last one is the empty line. */
const headerLine = /([\w-]+):[\t ]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)[\t ]*\r\n/y;

const mostHeaders = 64;
/** Longer than the head of any plain request. */
export const longestHead = 8 * 1024;

/** Those that say how the connection, or the body's end, is to be understood. */
const unusual = ['transfer-encoding', 'upgrade', 'expect', 'trailer', 'te', 'http2-settings', 'proxy-connection'];

/**
 * Reads a head, from its first sign to the empty line behind it. Undefined where anything of it is unusual: a name that
 * comes twice, a sign that isn't of ASCII, another version, a connection that is to be closed. Node's own parser decides
 * about those.
 */
export const readHead = (text: string): PlainHead | undefined => {
  const [line = '', method, url] = firstLine.exec(text) ?? [];
  if (line === '') return undefined;
  const headers: Record<string, string> = Object.create(null);
  const rawHeaders: string[] = [];
  let at = line.length;
  while (at < text.length - 2) {
    headerLine.lastIndex = at;
    const [whole = '', given = '', value = ''] = headerLine.exec(text) ?? [];
    const name = given.toLowerCase();
    if (whole === '' || headers[name] !== undefined || rawHeaders.length >= 2 * mostHeaders) return undefined;
    headers[name] = value;
    rawHeaders.push(given, value);
    at += whole.length;
  }
  if (!text.endsWith('\r\n', at + 2) || at + 2 !== text.length) return undefined;
  const { host, connection = 'keep-alive', 'content-length': length = '0' } = headers;
  if (host === undefined || connection.toLowerCase() !== 'keep-alive') return undefined;
  if (!/^(?:0|[1-9]\d{0,5})$/.test(length) || unusual.some((name) => headers[name] !== undefined)) return undefined;
  return { method, url, headers, rawHeaders, length: Number(length) };
};
