import type { Value } from './db.ts';

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

type Part = string | number | Uint8Array;

/** Tag and length stand before each part. */
const headLength = 5;

/** All parts in one go, into bytes of their own: each row that is opened is spelled, so this is done most of all. */
const spell = (parts: readonly Part[]): Uint8Array => {
  const bodies = parts.map((part) => (typeof part === 'number' ? String(part) : part));
  let total = 0;
  const lengths = bodies.map((body) => {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    total += headLength + length;
    return length;
  });
  const out = new Uint8Array(total);
  const writer = Buffer.from(out.buffer);
  let at = 0;
  for (const [i, body] of bodies.entries()) {
    const length = lengths[i] as number;
    writer[at] = typeof body !== 'string' ? tags.bytes : typeof parts[i] === 'number' ? tags.number : tags.text;
    writer.writeUInt32BE(length, at + 1);
    at += headLength;
    if (typeof body === 'string') writer.write(body, at);
    else out.set(body, at);
    at += length;
  }
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
export const canonical = (label: string, ...parts: readonly Part[]): Uint8Array => spell([label, ...parts]);

/**
 * The columns of a row in that spelling: by name, in the order of the names, a null left out. A column that a later
 * version adds is null in older rows, which therefore keep their spelling.
 */
export const canonicalColumns = (columns: Readonly<Record<string, Value>>): Uint8Array => {
  const parts: Part[] = [];
  for (const name of Object.keys(columns).sort()) {
    const value = columns[name];
    if (value !== null && value !== undefined) parts.push(name, value);
  }
  return spell(parts);
};
