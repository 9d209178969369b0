/** A UUIDv7 of the clock's millisecond whose random part is a counter, so that ids are the same in every run. */
export const uuidOf = (now: number, count: number): Uint8Array => {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, (BigInt(now) << 16n) | 0x7000n);
  view.setBigUint64(8, (1n << 63n) | BigInt(count));
  return bytes;
};
