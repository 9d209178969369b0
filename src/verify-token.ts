import { holds } from './core/carries.ts';
import { type Claims, decode, longestJwt, readPart, signedBytes } from './core/jwt-text.ts';
import { verifyEd25519 } from './crypto.ts';

/** What a token says, once it is known to be true. */
export interface TokenClaims {
  /** The id of the vault that made it. */
  iss: string;
  /** The id of the principal that it acts as; where it acts as none, of the user or the vault. */
  sub: string;
  /** The handle of its project. */
  aud: string;
  /** The token's own id, a UUID. */
  jti: string;
  /** When it was made, in seconds since 1970. */
  iat: number;
  /** From when on it works. */
  nbf: number;
  /** From when on it doesn't, to the second. */
  exp: number;
  /** The id of the API key or the credential that made it; absent where the vault's owner did. */
  azp?: string;
  /** Its permissions as the token has them, between spaces. */
  scope: string;
  /** The same, one by one; `mobius.*` carries all that begins with `mobius.`. */
  permissions: readonly string[];
}

/** Why a token is refused. */
export type TokenFault =
  | 'malformed'
  | 'wrong_algorithm'
  | 'wrong_type'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'not_yet_valid'
  | 'expired'
  | 'missing_permission';

// They name nothing that the token says: whoever made it up would write in the log.
const sentences: Readonly<Record<TokenFault, string>> = {
  malformed: 'this is no token',
  wrong_algorithm: 'the token is not signed with EdDSA',
  wrong_type: 'this is no access token (at+jwt)',
  unknown_key: 'none of the keys is the one that the token names',
  bad_signature: 'the signature of the token is not true',
  wrong_issuer: 'the token was made by another vault',
  wrong_audience: 'the token is for another project',
  not_yet_valid: 'the token does not work yet',
  expired: 'the token is over',
  missing_permission: 'the token does not carry the permission',
};

/** The one error that a token causes; every other one is a mistake of who called. */
export class TokenError extends Error {
  override readonly name: string = 'TokenError';
  readonly code: TokenFault;

  constructor(code: TokenFault) {
    super(sentences[code]);
    this.code = code;
  }
}

/** What stands at `/.well-known/jwks.json`. */
export interface Jwks {
  readonly keys: readonly object[];
}

export interface VerifyOptions {
  /** The keys of the server that makes the tokens. */
  jwks: Jwks;
  /** The id of its vault, `vlt_...`. */
  issuer: string;
  /** The handle of the project. */
  audience: string;
  /** Refuses a token that doesn't carry this. */
  permission?: string | undefined;
  /** How far ahead the clock of whoever made it may go, 5 by default; `exp` is exact whatever this says. */
  clockToleranceSeconds?: number | undefined;
  /** The time in milliseconds since 1970; that of this machine by default. */
  now?: number | undefined;
}

const requireText = (name: string, value: unknown): void => {
  if (typeof value !== 'string' || value === '') throw new TypeError(`"${name}" must be a text that is not empty`);
};

const requireNumber = (name: string, value: unknown): void => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new TypeError(`"${name}" must be a number that is not negative`);
  }
};

/** What isn't told must not mean that it isn't checked. */
const requireOptions = ({ jwks, issuer, audience, permission }: VerifyOptions): void => {
  if (!Array.isArray(jwks?.keys)) throw new TypeError('"jwks" must hold a list of keys');
  requireText('issuer', issuer);
  requireText('audience', audience);
  if (permission !== undefined) requireText('permission', permission);
};

/** The public half of the key of this name, where it is one of Ed25519 to sign with. */
const publicKeyOf = (jwks: Jwks, kid: string): string | undefined => {
  for (const key of jwks.keys) {
    const { kty, crv, x, alg = 'EdDSA', use = 'sig', kid: name } = (key ?? {}) as Claims;
    const fits = name === kid && kty === 'OKP' && crv === 'Ed25519' && alg === 'EdDSA' && use === 'sig';
    if (fits && typeof x === 'string' && decode(x)?.length === 32) return x;
  }
  return undefined;
};

const text = (value: unknown): string => {
  if (typeof value === 'string') return value;
  throw new TokenError('malformed');
};

const second = (value: unknown): number => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TokenError('malformed');
};

const claimsOf = ({ azp, ...said }: Claims): TokenClaims => ({
  iss: text(said.iss),
  sub: text(said.sub),
  aud: text(said.aud),
  jti: text(said.jti),
  iat: second(said.iat),
  nbf: second(said.nbf),
  exp: second(said.exp),
  ...(azp === undefined ? {} : { azp: text(azp) }),
  scope: text(said.scope),
  permissions: text(said.scope).split(' ').filter(Boolean),
});

/** The claims of a token that one of these keys signed; who it is for and when are not looked at yet. */
const readSigned = (token: string, jwks: Jwks): TokenClaims => {
  if (typeof token !== 'string' || token.length > longestJwt) throw new TokenError('malformed');
  const parts = token.split('.');
  const [head = '', body = '', last = ''] = parts;
  const header = readPart(head);
  const signature = decode(last);
  if (parts.length !== 3 || header === undefined || signature === undefined) throw new TokenError('malformed');
  const { alg, typ, kid, crit } = header;
  // What a token itself asks for is not followed.
  if (alg !== 'EdDSA') throw new TokenError('wrong_algorithm');
  if (typ !== 'at+jwt') throw new TokenError('wrong_type');
  if (crit !== undefined || typeof kid !== 'string') throw new TokenError('malformed');
  const publicKey = publicKeyOf(jwks, kid);
  if (publicKey === undefined) throw new TokenError('unknown_key');
  if (!verifyEd25519(publicKey, signedBytes(head, body), signature)) throw new TokenError('bad_signature');
  const said = readPart(body);
  if (said === undefined) throw new TokenError('malformed');
  return claimsOf(said);
};

/**
 * The claims of a token of mobius, checked with nothing but the public keys of who made it; throws a TokenError for any
 * other text. It asks nobody, so it can't see what happened since the token was made: that it was revoked, or its key, its
 * principal or its session was, that its maker lost a permission, or that its requests are used up.
 */
export const verifyToken = (token: string, options: VerifyOptions): TokenClaims => {
  requireOptions(options);
  const { jwks, issuer, audience, permission, clockToleranceSeconds = 5, now = Date.now() } = options;
  requireNumber('clockToleranceSeconds', clockToleranceSeconds);
  requireNumber('now', now);
  const claims = readSigned(token, jwks);
  if (claims.iss !== issuer) throw new TokenError('wrong_issuer');
  if (claims.aud !== audience) throw new TokenError('wrong_audience');
  if (claims.nbf * 1000 > now + clockToleranceSeconds * 1000) throw new TokenError('not_yet_valid');
  if (claims.exp * 1000 <= now) throw new TokenError('expired');
  if (permission !== undefined && !holds(claims.permissions, permission)) throw new TokenError('missing_permission');
  return claims;
};
