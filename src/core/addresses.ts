import { hexOf } from './ids.ts';

/** The 16 bytes of an address that `formats.ip` takes; IPv4 as mapped into IPv6. Undefined for anything else. */
export const addressBytes = (text: string): Uint8Array | undefined => {
  const bytes = new Uint8Array(16);
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(text);
  if (v4 !== null) {
    bytes.set([255, 255, ...v4.slice(1).map(Number)], 10);
    return bytes;
  }
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return undefined;
  // The last 32 bits may be written as IPv4.
  const whole = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((part) => part.toString(16)).join(':'),
  );
  const [before = '', after, ...more] = whole.split('::');
  if (more.length > 0) return undefined;
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(before), groups(after ?? '')];
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  const all = after === undefined ? head : [...head, ...gap, ...tail];
  if (all.length !== 8 || all.some((group) => !(group >= 0 && group <= 0xffff))) return undefined;
  all.forEach((group, at) => {
    bytes[2 * at] = group >> 8;
    bytes[2 * at + 1] = group & 255;
  });
  return bytes;
};

const isV4 = (bytes: Uint8Array): boolean =>
  bytes[10] === 255 && bytes[11] === 255 && bytes.subarray(0, 10).every((byte) => byte === 0);

const sameStart = (a: Uint8Array, b: Uint8Array, bits: number): boolean => {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = 255 << Math.max(0, 8 - (bits - bit));
    if ((((a[bit / 8] ?? 0) ^ (b[bit / 8] ?? 0)) & mask & 255) !== 0) return false;
  }
  return true;
};

/** Whether an address lies in a network such as `203.0.113.0/24`, or is the one address that is given. */
export const isWithin = (address: string, network: string): boolean => {
  const [base = '', length] = network.split('/');
  const [own, other] = [addressBytes(address), addressBytes(base)];
  if (own === undefined || other === undefined || isV4(own) !== isV4(other)) return false;
  const most = isV4(own) ? 32 : 128;
  return sameStart(own, other, 128 - most + (length === undefined ? most : Number(length)));
};

/** One who has an address of IPv6 has all of its /64: those count as one source. */
export const sourceOf = (address: string): string => {
  const bytes = addressBytes(address);
  if (bytes === undefined) return address;
  const start = isV4(bytes) ? bytes : bytes.subarray(0, 8);
  return hexOf(start);
};
