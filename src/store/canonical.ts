import type { Value } from './db.ts';

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

type Part = string | number | Uint8Array;

/** What each part has before it. */
const headLength = 5;

const utf8 = new TextEncoder();

/** Each part after its tag and its length. */
const framed = (parts: readonly Part[]): Uint8Array =>
  concat(
    ...parts.map((part) => {
      const body = typeof part === 'string' || typeof part === 'number' ? utf8.encode(String(part)) : part;
      const tag = typeof part === 'string' ? tags.text : typeof part === 'number' ? tags.number : tags.bytes;
      const out = new Uint8Array(headLength + body.length);
      out[0] = tag;
      new DataView(out.buffer).setUint32(1, body.length);
      out.set(body, headLength);
      return out;
    }),
  );

/** Spellings are written into it one behind another, and into a new one when it is full: none is written over. */
const slabLength = 32 * 1024;
let slab = Buffer.alloc(0);
let taken = 0;

/** At the most: a character of a text is three bytes of UTF-8, or half of four. */
const roomFor = (part: Part): number => {
  if (typeof part === 'number') return headLength + 24;
  return headLength + (typeof part === 'string' ? 3 * part.length : part.length);
};

/**
 * The same, where it isn't long: each text is written by the engine's own code, and nothing is made on the way but the
 * result. A page of rows has some thousand parts, and what they leave behind would have to be collected.
 */
const framedAtOnce = (parts: readonly Part[]): Uint8Array | undefined => {
  let room = 0;
  for (let n = 0; n < parts.length; n++) room += roomFor(parts[n] as Part);
  if (room > slabLength) return undefined;
  if (taken + room > slab.length) [slab, taken] = [Buffer.allocUnsafeSlow(slabLength), 0];
  const from = taken;
  for (let n = 0; n < parts.length; n++) {
    const part = parts[n] as Part;
    const head = taken;
    taken += headLength;
    if (typeof part === 'object') {
      slab[head] = tags.bytes;
      slab.set(part, taken);
      taken += part.length;
    } else {
      slab[head] = typeof part === 'string' ? tags.text : tags.number;
      taken += slab.write(typeof part === 'string' ? part : String(part), taken);
    }
    const length = taken - head - headLength;
    slab[head + 1] = length >>> 24;
    slab[head + 2] = length >>> 16;
    slab[head + 3] = length >>> 8;
    slab[head + 4] = length;
  }
  return slab.subarray(from, taken);
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

const spelled = (parts: readonly Part[]): Uint8Array => framedAtOnce(parts) ?? framed(parts);

/**
 * One spelling of a list of values as bytes: each with its type and length, so that no two lists share a spelling.
 * The first part is a label that keeps one use of a key apart from every other.
 */
export const canonical = (label: string, ...parts: readonly Part[]): Uint8Array => spelled([label, ...parts]);

/**
 * The columns of a row in that spelling, behind what stands before them: by name, in the order of the names, a null left
 * out. A column that a later version adds is null in older rows, which therefore keep their spelling.
 */
export const canonicalColumns = (columns: Readonly<Record<string, Value>>, ...before: readonly Part[]): Uint8Array => {
  const names = Object.keys(columns);
  // Those of a table are in order already.
  if (names.some((name, at) => at > 0 && name < (names[at - 1] ?? ''))) names.sort();
  const parts = [...before];
  for (const name of names) {
    const value = columns[name];
    if (value !== null && value !== undefined) parts.push(name, value);
  }
  return spelled(parts);
};
