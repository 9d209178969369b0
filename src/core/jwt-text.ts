/** What a part of a JWT says. */
export type Claims = Readonly<Record<string, unknown>>;

/** Nothing that we sign is longer, and nothing longer is looked at: it must fit in the head of a request. */
export const longestJwt = 4_096;

const utf8 = new TextEncoder();

/** Base64url without padding. */
export const encode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');

/** Undefined for every other spelling than the one that `encode` has for these bytes: one token has one. */
export const decode = (text: string): Uint8Array | undefined => {
  const bytes = Buffer.from(text, 'base64url');
  return encode(bytes) === text ? bytes : undefined;
};

export const writePart = (value: object): string => encode(utf8.encode(JSON.stringify(value)));

/** Undefined for what is spelled otherwise than we do, a claim that stands there twice with it: it can't be ours. */
export const readPart = (text: string): Claims | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return writePart(value) === text ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
};

/** What its signature is over. */
export const signedBytes = (head: string, body: string): Uint8Array => utf8.encode(`${head}.${body}`);
