/**
 * Makes UUIDv7s, sixteen bytes each. One that was made later never sorts before an earlier one of the same source, also
 * where many fall into one millisecond or the clock goes back: the twelve bits after the version count on then.
 */
export const uuidSource = (now: () => number, fillRandom: (bytes: Uint8Array) => void): (() => Uint8Array) => {
  let time = 0;
  let count = 0;
  const pool = new Uint8Array(16 * 64);
  let taken = pool.length;
  return () => {
    // One question to the system costs more than all else, and no more for many.
    if (taken === pool.length) {
      fillRandom(pool);
      taken = 0;
    }
    const bytes = pool.slice(taken, taken + 16);
    taken += 16;
    const current = now();
    if (current > time) {
      time = current;
      // The first bit is left free, so that there is room to count.
      count = (((bytes[6] ?? 0) & 0x07) << 8) | (bytes[7] ?? 0);
    } else if (++count > 0xfff) {
      time++;
      count = 0;
    }
    // Without a view, for which the engine would have to take the bytes out of its own memory.
    for (let at = 5, rest = time; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
    bytes[6] = 0x70 | (count >> 8);
    bytes[7] = count & 0xff;
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    return bytes;
  };
};
