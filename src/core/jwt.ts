import * as signing from '../store/signing-keys.ts';
import type { Store } from '../store/table.ts';
import { idPrefixes, isId } from './ids.ts';

/** Ed25519, as the core is given it. */
export interface Signatures {
  newKey(): { publicKey: string; privateKey: string };
  sign(privateKey: string, message: Uint8Array): Uint8Array;
  verify(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean;
}

export type Claims = Readonly<Record<string, unknown>>;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true });

const encode = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const decode = (text: string): Uint8Array | undefined => {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    // Bits that no byte uses would give one token several spellings.
    return encode(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
};

const part = (value: object): string => encode(utf8.encode(JSON.stringify(value)));

const readPart = (text: string): Claims | undefined => {
  const bytes = decode(text);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(fromUtf8.decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
};

/** The key that signs today, made where there is none. */
export const signingKey = async (
  store: Store,
  signatures: Signatures,
  newId: (prefix: string) => string,
  now: number,
): Promise<signing.SigningKeyRow | undefined> => {
  const known = await signing.latest(store);
  if (known !== undefined) return known;
  const { publicKey, privateKey } = signatures.newKey();
  const plain = { public_key: publicKey, private_key: privateKey };
  return signing.insert(store, newId(idPrefixes.signingKey), { created_at: now }, plain);
};

export const signJwt = (signatures: Signatures, key: signing.SigningKeyRow, type: string, claims: Claims): string => {
  const message = `${part({ alg: 'EdDSA', typ: type, kid: key.id })}.${part(claims)}`;
  return `${message}.${encode(signatures.sign(key.plain.private_key, utf8.encode(message)))}`;
};

const longest = 4_096;

export const looksLikeJwt = (text: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text);

/** The claims of a token of this type that one of our keys signed; what they say of time is for the caller to check. */
export const readJwt = async (
  store: Store,
  signatures: Signatures,
  type: string,
  text: string,
): Promise<Claims | undefined> => {
  if (text.length > longest) return undefined;
  const [head = '', body = '', signature = ''] = text.split('.');
  const header = readPart(head);
  // The one algorithm that we sign with: what a token itself asks for is not followed.
  if (header?.alg !== 'EdDSA' || header.typ !== type || header.crit !== undefined) return undefined;
  if (typeof header.kid !== 'string' || !isId(header.kid, idPrefixes.signingKey)) return undefined;
  const key = await signing.byId(store, header.kid);
  const bytes = decode(signature);
  if (key === undefined || bytes?.length !== 64) return undefined;
  if (!signatures.verify(key.plain.public_key, utf8.encode(`${head}.${body}`), bytes)) return undefined;
  return readPart(body);
};

/** What verifies our tokens, as RFC 7517 spells it. */
export const publicKeys = async (store: Store): Promise<Record<string, string>[]> =>
  (await signing.all(store)).map(({ id, plain }) => ({
    kty: 'OKP',
    crv: 'Ed25519',
    alg: 'EdDSA',
    use: 'sig',
    kid: id,
    x: plain.public_key,
  }));
