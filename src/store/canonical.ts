import type { Value } from './db.ts';

/** Type tags, so that the text "1", the number 1 and the byte 0x31 never encode alike. */
const tags = { text: 1, number: 2, bytes: 3 } as const;

type Part = string | number | Uint8Array;

/** Longer ones are written part by part. */
const mostAtOnce = 0xffff;

const utf8 = new TextEncoder();

/** Each part after its tag and its length. */
const framed = (parts: readonly Part[]): Uint8Array =>
  concat(
    ...parts.map((part) => {
      const body = typeof part === 'string' || typeof part === 'number' ? utf8.encode(String(part)) : part;
      const tag = typeof part === 'string' ? tags.text : typeof part === 'number' ? tags.number : tags.bytes;
      const out = new Uint8Array(5 + body.length);
      out[0] = tag;
      new DataView(out.buffer).setUint32(1, body.length);
      out.set(body, 5);
      return out;
    }),
  );

/** A length as four bytes, each a character. */
const lengthOf = (length: number): string => `\0\0${String.fromCharCode(length >> 8, length & 0xff)}`;

/**
 * The same, where no part is long and every text is ASCII, which nearly all are: written at once by the engine's own
 * code. Ours would be slow for as long as it was not compiled, which is all of a command.
 */
const framedAtOnce = (parts: readonly Part[]): Uint8Array | undefined => {
  let all = '';
  const bytes: { at: number; body: Uint8Array }[] = [];
  for (const part of parts) {
    if (typeof part === 'object') {
      if (part.length > mostAtOnce) return undefined;
      all += `\x03${lengthOf(part.length)}`;
      bytes.push({ at: all.length, body: part });
      all += '\0'.repeat(part.length);
    } else {
      const text = typeof part === 'string' ? part : String(part);
      if (text.length > mostAtOnce || Buffer.byteLength(text) !== text.length) return undefined;
      all += `${typeof part === 'string' ? '\x01' : '\x02'}${lengthOf(text.length)}${text}`;
    }
  }
  const out = Buffer.allocUnsafe(all.length);
  out.write(all, 'latin1');
  for (const { at, body } of bytes) out.set(body, at);
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

const spelled = (parts: readonly Part[]): Uint8Array => framedAtOnce(parts) ?? framed(parts);

/**
 * One spelling of a list of values as bytes: each with its type and length, so that no two lists share a spelling.
 * The first part is a label that keeps one use of a key apart from every other.
 */
export const canonical = (label: string, ...parts: readonly Part[]): Uint8Array => spelled([label, ...parts]);

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
  return spelled(parts);
};
