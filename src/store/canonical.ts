import type { Value } from './db.ts';

const utf8 = new TextEncoder();

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

const piece = (value: string | number | Uint8Array): Uint8Array => {
  const [tag, body] =
    typeof value === 'string'
      ? [tags.text, utf8.encode(value)]
      : typeof value === 'number'
        ? [tags.number, utf8.encode(String(value))]
        : [tags.bytes, value];
  const out = new Uint8Array(5 + body.length);
  out[0] = tag;
  new DataView(out.buffer).setUint32(1, body.length);
  out.set(body, 5);
  return out;
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
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
