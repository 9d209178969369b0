import type { Value } from './db.ts';

/** Where a sealed value is stored. A blob opens only at the place it was sealed for. */
export interface Place {
  table: string;
  id: string;
  /** Every clear column of the row that the blob answers for. */
  clear: Readonly<Record<string, Value>>;
}

/** Turns plain into sealed and back, bound to the place where it is stored. */
export interface Sealer {
  seal(place: Place, plain: Readonly<Record<string, unknown>>): Uint8Array;
  /** Throws `damaged` where the blob or any clear column is not what was sealed together. */
  open(place: Place, sealed: Uint8Array): Record<string, unknown>;
  /**
   * Seals the values of one secret version, of any size, under a new key of their own. The key is to be stored inside a
   * sealed row: where that is removed, nothing opens the values any more.
   */
  sealValues(versionId: string, plain: Uint8Array): { dataKey: string; sealed: Uint8Array };
  /** Throws `damaged` where these are not the values that were sealed for this version. */
  openValues(versionId: string, dataKey: string, sealed: Uint8Array): Uint8Array;
  /** For the eyes of whoever holds the secret half of this X25519 key; undefined where the key is none. */
  sealFor(recipient: Uint8Array, plain: Uint8Array): Uint8Array | undefined;
  /**
   * Seals under a key that follows from these texts and the vault; none of them is kept, so only who brings them all
   * opens it.
   */
  sealUnder(texts: readonly string[], plain: Uint8Array): Uint8Array;
  /** Undefined for whatever was not sealed under these texts. */
  openUnder(texts: readonly string[], sealed: Uint8Array): Uint8Array | undefined;
  /** A keyed hash over the given parts: look-up and uniqueness without the text being readable in the file. */
  index(...parts: readonly string[]): Uint8Array;
  /** The keyed hash that an API key is stored and found by. */
  keyHash(key: string): Uint8Array;
  /** Authenticates an audit row. */
  auditMac(bytes: Uint8Array): Uint8Array;
  /** Unkeyed, for chaining. */
  hash(bytes: Uint8Array): Uint8Array;
}
