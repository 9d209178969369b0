import type { Value } from './db.ts';

const utf8 = new TextEncoder();

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

/** What is being written, for it is done at once; it grows as it must, and keeps nothing of what was written. */
let page = new Uint8Array(4_096);
let end = 0;

const makeRoom = (length: number): void => {
  if (end + length <= page.length) return;
  const larger = new Uint8Array(2 * (end + length));
  larger.set(page.subarray(0, end));
  page.fill(0, 0, end);
  page = larger;
};

const put = (tag: number, length: number): void => {
  makeRoom(5 + length);
  page[end] = tag;
  page[end + 1] = length >>> 24;
  page[end + 2] = length >>> 16;
  page[end + 3] = length >>> 8;
  page[end + 4] = length;
  end += 5;
};

const putBytes = (tag: number, bytes: Uint8Array): void => {
  put(tag, bytes.length);
  page.set(bytes, end);
  end += bytes.length;
};

/** Nearly all of them are short and ASCII, for which an encoder takes longer. */
const putText = (tag: number, text: string): void => {
  const { length } = text;
  if (length > 128) {
    putBytes(tag, utf8.encode(text));
    return;
  }
  const start = end;
  put(tag, length);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) {
      end = start;
      putBytes(tag, utf8.encode(text));
      return;
    }
    page[end + at] = code;
  }
  end += length;
};

const putValue = (value: string | number | Uint8Array): void => {
  if (typeof value === 'string') putText(tags.text, value);
  else if (typeof value === 'number') putText(tags.number, String(value));
  else putBytes(tags.bytes, value);
};

const written = (): Uint8Array => {
  const out = page.slice(0, end);
  page.fill(0, 0, end);
  return out;
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
export const canonical = (label: string, ...parts: readonly (string | number | Uint8Array)[]): Uint8Array => {
  end = 0;
  putValue(label);
  for (const part of parts) putValue(part);
  return written();
};

/**
 * The columns of a row in that spelling: by name, in the order of the names, a null left out. A column that a later
 * version adds is null in older rows, which therefore keep their spelling.
 */
export const canonicalColumns = (columns: Readonly<Record<string, Value>>): Uint8Array => {
  end = 0;
  for (const name of Object.keys(columns).sort()) {
    const value = columns[name];
    if (value === null || value === undefined) continue;
    putValue(name);
    putValue(value);
  }
  return written();
};
