import * as node from 'node:crypto';
import { createRequire } from 'node:module';
import { isUint8Array } from 'node:util/types';
import type * as Wrappers from 'libsodium-wrappers';
import type * as Sumo from 'libsodium-wrappers-sumo';
import { MobiusError } from './errors.ts';

export type Binding = 'native' | 'wasm';

/**
 * libsodium, the same whichever binding stands behind it: what one seals, the other opens.
 *
 * - Arguments are never changed and never kept; results are fresh and belong to the caller, who wipes what is secret.
 * - A wrong type or length is a fault of the program: MobiusError `internal`, before any byte reaches the binding.
 * - The wasm binding leaves copies of what it was given in its own memory, which nobody can wipe.
 */
export interface Sodium {
  readonly binding: Binding;
  /**
   * XChaCha20-Poly1305-IETF: the ciphertext followed by 16 bytes of tag. The key is 32 bytes, the nonce 24; one nonce
   * must never serve the same key twice, and random ones are long enough not to.
   */
  aeadSeal(plain: Uint8Array, associated: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array;
  /** `undefined` for whatever was not sealed, to the bit, with this associated data, nonce and key. */
  aeadOpen(sealed: Uint8Array, associated: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | undefined;
  /** BLAKE2b-256 under a key of 32 bytes. */
  keyedHash(message: Uint8Array, key: Uint8Array): Uint8Array;
  /** BLAKE2b-256 without a key. */
  hash(message: Uint8Array): Uint8Array;
  /** Argon2id (version 1.3, one lane) of a passphrase with a salt of 16 bytes: 32 bytes. Stops the event loop. */
  argon2id(passphrase: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array>;
  /** A new pair of X25519 keys, 32 bytes each. */
  boxKeys(): BoxKeys;
  /** `crypto_box_seal`: only who holds the recipient's secret key opens it; undefined where that public key is none. */
  boxSeal(plain: Uint8Array, recipient: Uint8Array): Uint8Array | undefined;
  /** `undefined` for whatever was not sealed for these keys. */
  boxOpen(sealed: Uint8Array, keys: BoxKeys): Uint8Array | undefined;
  /** Of a public key of 32 bytes and a signature of 64. Twice as fast as what Node brings. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Overwrites with zeros, in place. */
  wipe(bytes: Uint8Array): void;
}

export interface BoxKeys {
  publicKey: Uint8Array;
  secretKey: Uint8Array;
}

export interface Argon2Cost {
  /** Passes over the memory. */
  operations: number;
  memoryBytes: number;
}

/** libsodium's own limits. They also keep a vault file that somebody prepared from taking all of the memory. */
const argon2Limits = { operations: [1, 1_000], memoryBytes: [8_192, 4 * 2 ** 30] } as const;

/** What a binding brings; it may rely on every type and length having been checked. */
interface Raw extends Omit<Sodium, 'binding' | 'hash' | 'keyedHash'> {
  hash(message: Uint8Array, key: Uint8Array | undefined): Uint8Array;
}

/** sodium-native brings no types; results go into the first argument, which has to be of the exact size. */
interface NativeModule {
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    plain: Uint8Array,
    associated: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_aead_xchacha20poly1305_ietf_decrypt(
    plain: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    associated: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_generichash(hash: Uint8Array, message: Uint8Array, key?: Uint8Array): void;
  randombytes_buf(bytes: Uint8Array): void;
  crypto_pwhash(
    hash: Uint8Array,
    passphrase: Uint8Array,
    salt: Uint8Array,
    operations: number,
    memoryBytes: number,
    algorithm: number,
  ): void;
  crypto_pwhash_ALG_ARGON2ID13: number;
  crypto_box_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void;
  crypto_box_seal(sealed: Uint8Array, plain: Uint8Array, recipient: Uint8Array): void;
  crypto_box_seal_open(plain: Uint8Array, sealed: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): boolean;
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  sodium_memzero(bytes: Uint8Array): void;
}

const keyLength = 32;
const nonceLength = 24;
const tagLength = 16;
const hashLength = 32;
const saltLength = 16;
const boxKeyLength = 32;
const boxOverhead = 48;
const signKeyLength = 32;
const signatureLength = 64;

const bytes = (name: string, value: unknown, length?: number): Uint8Array => {
  if (!isUint8Array(value)) throw new MobiusError('internal', `"${name}" must be a Uint8Array`);
  if (length !== undefined && value.length !== length) {
    throw new MobiusError('internal', `"${name}" must be ${length} bytes, not ${value.length}`);
  }
  return value;
};

const within = (name: keyof Argon2Cost, cost: Argon2Cost): number => {
  const [least, most] = argon2Limits[name];
  const value = cost[name];
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new MobiusError('internal', `"${name}" must be from ${least} to ${most}, not ${value}`);
};

/** Stops a mixed-up call from reading or writing beyond a buffer in the native addon, which takes sizes on trust. */
const checked = (binding: Binding, raw: Raw): Sodium => ({
  binding,
  aeadSeal: (plain, associated, nonce, key) =>
    raw.aeadSeal(
      bytes('plain', plain),
      bytes('associated', associated),
      bytes('nonce', nonce, nonceLength),
      bytes('key', key, keyLength),
    ),
  aeadOpen: (sealed, associated, nonce, key) => {
    bytes('sealed', sealed);
    bytes('associated', associated);
    bytes('nonce', nonce, nonceLength);
    bytes('key', key, keyLength);
    return sealed.length < tagLength ? undefined : raw.aeadOpen(sealed, associated, nonce, key);
  },
  keyedHash: (message, key) => raw.hash(bytes('message', message), bytes('key', key, keyLength)),
  hash: (message) => raw.hash(bytes('message', message), undefined),
  argon2id: async (passphrase, salt, cost) =>
    raw.argon2id(bytes('passphrase', passphrase), bytes('salt', salt, saltLength), {
      operations: within('operations', cost),
      memoryBytes: within('memoryBytes', cost),
    }),
  boxKeys: () => raw.boxKeys(),
  boxSeal: (plain, recipient) => raw.boxSeal(bytes('plain', plain), bytes('recipient', recipient, boxKeyLength)),
  boxOpen: (sealed, keys) => {
    bytes('sealed', sealed);
    bytes('publicKey', keys.publicKey, boxKeyLength);
    bytes('secretKey', keys.secretKey, boxKeyLength);
    return sealed.length < boxOverhead ? undefined : raw.boxOpen(sealed, keys);
  },
  verifyEd25519: (publicKey, message, signature) =>
    raw.verifyEd25519(
      bytes('publicKey', publicKey, signKeyLength),
      bytes('message', message),
      bytes('signature', signature, signatureLength),
    ),
  wipe: (secret) => raw.wipe(bytes('bytes', secret)),
});

const native = (sodium: NativeModule): Raw => ({
  aeadSeal(plain, associated, nonce, key) {
    const sealed = new Uint8Array(plain.length + tagLength);
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, plain, associated, null, nonce, key);
    return sealed;
  },
  aeadOpen(sealed, associated, nonce, key) {
    const plain = new Uint8Array(sealed.length - tagLength);
    try {
      sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plain, null, sealed, associated, nonce, key);
    } catch {
      return undefined;
    }
    return plain;
  },
  hash(message, key) {
    const { buffer, byteOffset } = Buffer.allocUnsafe(hashLength); // Memory of its own costs more than the hash.
    const hash = new Uint8Array(buffer, byteOffset, hashLength);
    sodium.crypto_generichash(hash, message, key);
    return hash;
  },
  async argon2id(passphrase, salt, { operations, memoryBytes }) {
    const hash = new Uint8Array(hashLength);
    try {
      sodium.crypto_pwhash(hash, passphrase, salt, operations, memoryBytes, sodium.crypto_pwhash_ALG_ARGON2ID13);
    } catch {
      throw tooLittleMemory();
    }
    return hash;
  },
  boxKeys() {
    const keys = { publicKey: new Uint8Array(boxKeyLength), secretKey: new Uint8Array(boxKeyLength) };
    sodium.crypto_box_keypair(keys.publicKey, keys.secretKey);
    return keys;
  },
  boxSeal(plain, recipient) {
    const sealed = new Uint8Array(plain.length + boxOverhead);
    try {
      sodium.crypto_box_seal(sealed, plain, recipient);
    } catch {
      return undefined;
    }
    return sealed;
  },
  boxOpen(sealed, { publicKey, secretKey }) {
    const plain = new Uint8Array(sealed.length - boxOverhead);
    try {
      return sodium.crypto_box_seal_open(plain, sealed, publicKey, secretKey) ? plain : undefined;
    } catch {
      return undefined;
    }
  },
  verifyEd25519: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
  wipe: (secret) => sodium.sodium_memzero(secret),
});

const wasm = (sodium: typeof Wrappers.default): Raw => ({
  aeadSeal: (plain, associated, nonce, key) =>
    withinMemory(() => sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, associated, null, nonce, key)),
  aeadOpen: (sealed, associated, nonce, key) =>
    unlessRefused(() => sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, associated, nonce, key)),
  hash: (message, key) => withinMemory(() => sodium.crypto_generichash(hashLength, message, key ?? null)),
  async argon2id(passphrase, salt, { operations, memoryBytes }) {
    // The usual build has no Argon2id; the one that has it costs more to start and is loaded for nothing else.
    // No import: it stays outside a bundle, and starts a WebAssembly of its own.
    const sumo: typeof Sumo = createRequire(import.meta.filename)('libsodium-wrappers-sumo');
    await sumo.ready;
    try {
      const algorithm = sumo.crypto_pwhash_ALG_ARGON2ID13;
      return sumo.crypto_pwhash(hashLength, passphrase, salt, operations, memoryBytes, algorithm);
    } catch {
      throw tooLittleMemory();
    }
  },
  boxKeys() {
    const { publicKey, privateKey: secretKey } = sodium.crypto_box_keypair();
    return { publicKey, secretKey };
  },
  boxSeal: (plain, recipient) => unlessRefused(() => sodium.crypto_box_seal(plain, recipient)),
  boxOpen: (sealed, { publicKey, secretKey }) =>
    unlessRefused(() => sodium.crypto_box_seal_open(sealed, publicKey, secretKey)),
  verifyEd25519: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
  wipe: (secret) => sodium.memzero(secret),
});

const tooLittleMemory = (): MobiusError =>
  new MobiusError('internal', 'not enough memory to derive a key from the passphrase');

/** When its memory can't grow, libsodium-wrappers throws a bare object: no MobiusError, and no forgery either. */
const withinMemory = <T>(work: () => T): T => {
  try {
    return work();
  } catch (fault) {
    if (fault instanceof Error) throw fault;
    throw new MobiusError('internal', 'not enough memory for this many bytes at once');
  }
};

/** libsodium-wrappers throws an Error where libsodium itself says no. */
const unlessRefused = <T>(work: () => T): T | undefined =>
  withinMemory(() => {
    try {
      return work();
    } catch (fault) {
      if (fault instanceof Error) return undefined;
      throw fault;
    }
  });

/** From the system's generator, through what is loaded: `node:crypto` for this alone is a tenth of our start. */
let filled = (bytes: Uint8Array): Uint8Array => node.randomFillSync(bytes);

const loaders: Record<Binding, () => Promise<Raw>> = {
  native: async () => {
    const sodium: NativeModule = (await import('sodium-native')).default;
    filled = (bytes) => {
      sodium.randombytes_buf(bytes);
      return bytes;
    };
    return native(sodium);
  },
  wasm: async () => {
    const { default: sodium } = await import('libsodium-wrappers');
    await sodium.ready;
    return wasm(sodium);
  },
};

const hints: Record<Binding, string> = {
  native: 'unset MOBIUS_SODIUM, so that mobius takes the binding that loads',
  wasm: 'install mobius anew: libsodium-wrappers is missing or damaged',
};

const loading = new Map<Binding, Promise<Sodium>>();

const loadBinding = (binding: Binding): Promise<Sodium> => {
  let sodium = loading.get(binding);
  if (sodium === undefined) {
    sodium = loaders[binding]().then(
      (raw) => checked(binding, raw),
      (fault: unknown) => {
        const reason = String(fault instanceof Error ? fault.message : fault).split('\n', 1)[0];
        const message = `the "${binding}" libsodium doesn't load here`;
        throw new MobiusError('unsupported', message, { reason }, hints[binding]);
      },
    );
    loading.set(binding, sodium);
  }
  return sodium;
};

/**
 * sodium-native, or libsodium-wrappers where that doesn't load; `choice`, the value of MOBIUS_SODIUM, forces one. Each
 * is loaded at the first call that needs it and then kept. Rejects with `usage` for another choice and `unsupported`
 * where what was forced (or neither) loads.
 */
export const loadSodium = async (choice?: string): Promise<Sodium> => {
  if (choice === 'native' || choice === 'wasm') return loadBinding(choice);
  if (choice !== undefined && choice !== '') {
    throw new MobiusError('usage', `MOBIUS_SODIUM must be "native" or "wasm", not "${choice}"`);
  }
  return loadBinding('native').catch(() => loadBinding('wasm'));
};

const poolLength = 1024;
let [pool, poolAt]: [Uint8Array, number] = [new Uint8Array(poolLength), poolLength];

/** The generator takes as long for many as for a few. What was given away is nowhere else any more. */
export const randomBytes = (length: number): Uint8Array => {
  if (length > poolLength / 8) return filled(new Uint8Array(length));
  if (poolAt + length > poolLength) [pool, poolAt] = [filled(pool), 0];
  const bytes = pool.slice(poolAt, poolAt + length);
  pool.fill(0, poolAt, poolAt + length);
  poolAt += length;
  return bytes;
};

export const sha256 = (message: Uint8Array): Uint8Array =>
  new Uint8Array(node.createHash('sha256').update(message).digest());

/** Ed25519: the public half as JWK has it (base64url), the private one as PKCS 8 in base64. */
export interface SigningKey {
  publicKey: string;
  privateKey: string;
}

const exported = (publicKey: node.KeyObject, privateKey: node.KeyObject): SigningKey => ({
  publicKey: String(publicKey.export({ format: 'jwk' }).x),
  privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
});

export const newSigningKey = (): SigningKey => {
  const { publicKey, privateKey } = node.generateKeyPairSync('ed25519');
  return exported(publicKey, privateKey);
};

/** What PKCS 8 says before the 32 bytes of an Ed25519 key. */
const pkcs8Head = '302e020100300506032b657004220420';

export const signingKeyFrom = (seed: Uint8Array): SigningKey => {
  const key = Buffer.concat([Buffer.from(pkcs8Head, 'hex'), seed]);
  const privateKey = node.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return exported(node.createPublicKey(privateKey), privateKey);
};

/** Reading a key costs more than using it, and there are few. */
const keysRead = <K>() => {
  const known = new Map<string, K>();
  return (text: string, read: () => K): K => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= 32) known.clear();
    const key = read();
    known.set(text, key);
    return key;
  };
};

const readKey = keysRead<node.KeyObject>();
const readBytes = keysRead<Uint8Array>();

/** The public half as `Sodium` has it. */
export const publicKeyBytes = (publicKey: string): Uint8Array =>
  readBytes(publicKey, () => new Uint8Array(Buffer.from(publicKey, 'base64url')));

export const signEd25519 = (privateKey: string, message: Uint8Array): Uint8Array => {
  const read = (): node.KeyObject =>
    node.createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  return new Uint8Array(node.sign(null, message, readKey(privateKey, read)));
};

export const verifyEd25519 = (publicKey: string, message: Uint8Array, signature: Uint8Array): boolean => {
  const read = (): node.KeyObject =>
    node.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  return node.verify(null, message, readKey(publicKey, read), signature);
};
