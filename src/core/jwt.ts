import { MobiusError } from '../errors.ts';
import { recall, requireMore } from '../store/memory.ts';
import * as signing from '../store/signing-keys.ts';
import type { Store } from '../store/table.ts';
import { idPrefixes, isId } from './ids.ts';
import { type Claims, decode, encode, longestJwt, readPart, signedBytes, writePart } from './jwt-text.ts';

/** Ed25519, as the core is given it. */
export interface Signatures {
  newKey(): { publicKey: string; privateKey: string };
  /** The one that follows from 32 bytes. */
  keyFrom(seed: Uint8Array): { publicKey: string; privateKey: string };
  sign(privateKey: string, message: Uint8Array): Uint8Array;
  verify(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean;
}

export interface Signing extends Store {
  signatures: Signatures;
  newId(prefix: string): string;
  now: number;
}

export const newSigningKey = async (context: Signing): Promise<signing.SigningKeyRow> => {
  const { publicKey, privateKey } = context.signatures.newKey();
  const clear = { created_at: context.now, retired_at: null };
  const plain = { public_key: publicKey, private_key: privateKey };
  const made = await signing.insert(context, context.newId(idPrefixes.signingKey), clear, plain);
  if (made === undefined) throw new MobiusError('internal', 'no signing key could be made');
  return made;
};

/** Signs with the key of today, made where there is none: each call is one JWT. */
export const openSigner = async (context: Signing, type: string): Promise<(claims: Claims) => string> => {
  const key = (await signing.latest(context)) ?? (await newSigningKey(context));
  const { private_key: privateKey } = key.plain;
  if (privateKey === undefined) {
    throw new MobiusError('damaged', `the signing key "${key.id}" can't sign`, { id: key.id });
  }
  return (claims) => {
    const head = writePart({ alg: 'EdDSA', typ: type, kid: key.id });
    const body = writePart(claims);
    return `${head}.${body}.${encode(context.signatures.sign(privateKey, signedBytes(head, body)))}`;
  };
};

export const looksLikeJwt = (text: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text);

/** The type that a JWT says it has, which anybody can write: it only tells which of our checks it will have to pass. */
export const typeOfJwt = (text: string): unknown =>
  text.length > longestJwt ? undefined : readPart(text.slice(0, Math.max(0, text.indexOf('.'))))?.typ;

/** Those of our own tokens: there are few kinds, and fewer keys. */
const heads = new Map<string, Claims | undefined>();

const readHead = (text: string): Claims | undefined => {
  if (heads.has(text)) return heads.get(text);
  const head = readPart(text);
  // The one algorithm that we sign with: what a token itself asks for is not followed.
  if (head?.alg !== 'EdDSA' || head.crit !== undefined) return undefined;
  if (heads.size >= 32) heads.clear();
  heads.set(text, head);
  return head;
};

const readSigned = async (
  store: Store,
  signatures: Signatures,
  type: string,
  text: string,
): Promise<Claims | undefined> => {
  const [head = '', body = '', signature = '', ...more] = text.split('.');
  // What nobody signed makes it another text than the one that we made.
  if (more.length > 0) return undefined;
  const header = readHead(head);
  if (header?.typ !== type) return undefined;
  if (typeof header.kid !== 'string' || !isId(header.kid, idPrefixes.signingKey)) return undefined;
  const key = await signing.byId(store, header.kid);
  const bytes = decode(signature);
  if (key === undefined || bytes?.length !== 64) return undefined;
  if (!signatures.verify(key.plain.public_key, signedBytes(head, body), bytes)) return undefined;
  return readPart(body);
};

/**
 * The claims of a token of this type that one of our keys signed; what they say of time is for the caller to check. A
 * signature that was once found good is not looked at again while all signing keys stand.
 */
export const readJwt = async (
  store: Store,
  signatures: Signatures,
  type: string,
  text: string,
): Promise<Claims | undefined> => {
  if (text.length > longestJwt) return undefined;
  const name = `${type} ${Buffer.from(store.sealer.keyHash(text)).toString('latin1')}`;
  return recall(store.db, name, () => {
    requireMore(store.db);
    return readSigned(store, signatures, type, text);
  });
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
