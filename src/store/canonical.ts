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
let slab: Slab = Buffer.alloc(0);
let taken = 0;

/** Node's own `write` ends in the other, and makes some of what has to be collected on its way there. */
type Slab = Buffer & { utf8Write?(text: string, at: number): number };

const written = (text: string): number => slab.utf8Write?.(text, taken) ?? slab.write(text, taken);

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
      taken += written(typeof part === 'string' ? part : String(part));
    }
    const length = taken - head - headLength;
    slab[head + 1] = length >>> 24;
    slab[head + 2] = length >>> 16;
    slab[head + 3] = length >>> 8;
    slab[head + 4] = length;
  }
  return new Uint8Array(slab.buffer, slab.byteOffset + from, taken - from);
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0;
  for (let n = 0; n < parts.length; n++) length += (parts[n] as Uint8Array).length;
  const out = new Uint8Array(length);
  for (let n = 0, at = 0; n < parts.length; n++) {
    const part = parts[n] as Uint8Array;
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

const areInOrder = (names: readonly string[]): boolean => {
  for (let n = 1; n < names.length; n++) if ((names[n] as string) < (names[n - 1] as string)) return false;
  return true;
};

/**
 * The columns of a row in that spelling, behind what stands before them: by name, in the order of the names, a null left
 * out. A column that a later version adds is null in older rows, which therefore keep their spelling.
 */
export const canonicalColumns = (columns: Readonly<Record<string, Value>>, ...parts: Part[]): Uint8Array => {
  const names = Object.keys(columns);
  // Those of a table are in order already.
  if (!areInOrder(names)) names.sort();
  for (let n = 0; n < names.length; n++) {
    const name = names[n] as string;
    const value = columns[name];
    if (value !== null && value !== undefined) parts.push(name, value);
  }
  return spelled(parts);
};
