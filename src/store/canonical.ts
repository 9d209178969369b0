import type { Value } from './db.ts';

const utf8 = new TextEncoder();

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

const framed = (tag: number, length: number): Uint8Array => {
  const out = new Uint8Array(5 + length);
  out[0] = tag;
  out[1] = length >>> 24;
  out[2] = length >>> 16;
  out[3] = length >>> 8;
  out[4] = length;
  return out;
};

const withBody = (tag: number, body: Uint8Array): Uint8Array => {
  const out = framed(tag, body.length);
  out.set(body, 5);
  return out;
};

/** Nearly all of them are short and ASCII, for which an encoder takes longer. */
const ofText = (tag: number, text: string): Uint8Array => {
  if (text.length > 128) return withBody(tag, utf8.encode(text));
  const out = framed(tag, text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return withBody(tag, utf8.encode(text));
    out[5 + at] = code;
  }
  return out;
};

const piece = (value: string | number | Uint8Array): Uint8Array => {
  if (typeof value === 'string') return ofText(tags.text, value);
  return typeof value === 'number' ? ofText(tags.number, String(value)) : withBody(tags.bytes, value);
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/**
 * One spelling of a list of values as bytes: each with its type and length, so that no two lists share a spelling.
 * The first part is a label that keeps one use of a key apart from every other.
 */
export const canonical = (label: string, ...parts: readonly (string | number | Uint8Array)[]): Uint8Array =>
  concat(piece(label), ...parts.map(piece));

/**
 * The columns of a row in that spelling: by name, in the order of the names, a null left out. A column that a later
 * version adds is null in older rows, which therefore keep their spelling.
 */
export const canonicalColumns = (columns: Readonly<Record<string, Value>>): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (const name of Object.keys(columns).sort()) {
    const value = columns[name];
    if (value !== null && value !== undefined) parts.push(piece(name), piece(value));
  }
  return concat(...parts);
};
