import type { Sodium } from '../crypto.ts';
import { randomBytes } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns, concat } from '../store/canonical.ts';
import type { Place, Sealer } from '../store/sealer.ts';
import { textOf } from '../utf8.ts';

const blobVersion = 1;
const nonceLength = 24;
const headLength = 5 + nonceLength;
const padTo = 64;
/** A data key seals once and is never renewed in place. */
const valueEpoch = 1;

const utf8 = new TextEncoder();

/** Version, epoch of the key, nonce, ciphertext with its tag; version and epoch are authenticated with the rest. */
export const sealBlob = (
  sodium: Sodium,
  key: Uint8Array,
  epoch: number,
  associated: Uint8Array,
  plain: Uint8Array,
): Uint8Array => {
  const head = new Uint8Array(5);
  head[0] = blobVersion;
  new DataView(head.buffer).setUint32(1, epoch);
  const nonce = randomBytes(nonceLength);
  return concat(head, nonce, sodium.aeadSeal(plain, concat(head, associated), nonce, key));
};

export const epochOf = (sealed: Uint8Array): number | undefined =>
  sealed.length >= headLength && sealed[0] === blobVersion
    ? new DataView(sealed.buffer, sealed.byteOffset).getUint32(1)
    : undefined;

/** Undefined where anything is not as it was sealed. */
export const openBlob = (
  sodium: Sodium,
  key: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined => {
  if (epochOf(sealed) === undefined) return undefined;
  const head = sealed.subarray(0, 5);
  return sodium.aeadOpen(sealed.subarray(headLength), concat(head, associated), sealed.subarray(5, headLength), key);
};

/** The length in front and zeros behind, up to a multiple of 64: the size tells little of what is inside. */
const padded = (body: Uint8Array): Uint8Array => {
  const out = new Uint8Array(Math.ceil((4 + body.length) / padTo) * padTo);
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
};

const unpadded = (plain: Uint8Array): Uint8Array => {
  const length = new DataView(plain.buffer, plain.byteOffset).getUint32(0);
  return plain.subarray(4, 4 + length);
};

/** The same frame, padded by Padmé: at most 12 % longer, and log log of the size is all that shows. */
const paddedByPadme = (body: Uint8Array): Uint8Array => {
  const length = 4 + body.length;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  const out = new Uint8Array(Math.max(padTo, Math.ceil(length / step) * step));
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
};

/** The opened keyring: one key a purpose, of the record keys one an epoch. */
export interface Keys {
  records: ReadonlyMap<number, Uint8Array>;
  /** The epoch that new seals use. */
  epoch: number;
  index: Uint8Array;
  keyHash: Uint8Array;
  audit: Uint8Array;
  /** From 2 on the end of the audit log is written down apart from its rows. */
  auditEpoch: number;
}

/** `keysNow` gives the keys as they are at the moment of use: a re-key changes them under a running process. */
export const makeSealer = (sodium: Sodium, vaultId: string, keysNow: () => Keys): Sealer => {
  const associated = ({ table, id, clear }: Place): Uint8Array =>
    canonicalColumns(clear, 'mobius/row/1', vaultId, table, id);

  const ofVersion = (id: string): Uint8Array => canonical('mobius/secret-values/1', vaultId, id);

  const underTexts = canonical('mobius/under-texts/1', vaultId);

  const keyUnder = (texts: readonly string[]): Uint8Array =>
    sodium.keyedHash(canonical('mobius/under-texts/1', ...texts), keysNow().keyHash);

  const damaged = ({ table, id }: Place): MobiusError =>
    new MobiusError('damaged', `the record "${id}" in "${table}" is damaged`, { table, id });

  return {
    seal(place, plain) {
      const { records, epoch } = keysNow();
      const key = records.get(epoch);
      if (key === undefined) throw new Error(`no record key for epoch ${epoch}`);
      const body = padded(utf8.encode(JSON.stringify(plain)));
      const sealed = sealBlob(sodium, key, epoch, associated(place), body);
      sodium.wipe(body);
      return sealed;
    },

    open(place, sealed) {
      const key = keysNow().records.get(epochOf(sealed) ?? -1);
      const body = key && openBlob(sodium, key, associated(place), sealed);
      if (body === undefined) throw damaged(place);
      const plain = JSON.parse(textOf(unpadded(body))) as Record<string, unknown>;
      sodium.wipe(body);
      return plain;
    },

    sealValues(versionId, plain) {
      const key = randomBytes(32);
      const body = paddedByPadme(plain);
      const sealed = sealBlob(sodium, key, valueEpoch, ofVersion(versionId), body);
      const dataKey = Buffer.from(key).toString('base64');
      sodium.wipe(body);
      sodium.wipe(key);
      return { dataKey, sealed };
    },

    openValues(versionId, dataKey, sealed) {
      const key = new Uint8Array(Buffer.from(dataKey, 'base64'));
      const body = key.length === 32 ? openBlob(sodium, key, ofVersion(versionId), sealed) : undefined;
      sodium.wipe(key);
      if (body === undefined) {
        const message = `the values of the secret version "${versionId}" are damaged`;
        throw new MobiusError('damaged', message, { table: 'secret_values', id: versionId });
      }
      return unpadded(body);
    },

    sealUnder(texts, plain) {
      const key = keyUnder(texts);
      const sealed = sealBlob(sodium, key, valueEpoch, underTexts, plain);
      sodium.wipe(key);
      return sealed;
    },

    openUnder(texts, sealed) {
      const key = keyUnder(texts);
      const plain = openBlob(sodium, key, underTexts, sealed);
      sodium.wipe(key);
      return plain;
    },

    sealFor: (recipient, plain) => sodium.boxSeal(plain, recipient),

    index: (...parts) => sodium.keyedHash(canonical('mobius/index/1', ...parts), keysNow().index),
    keyHash: (key) => sodium.keyedHash(canonical('mobius/api-key/1', key), keysNow().keyHash),
    auditMac: (bytes) => sodium.keyedHash(bytes, keysNow().audit),
    hash: (bytes) => sodium.hash(bytes),
  };
};
