import { randomBytes, sha256 } from '../crypto.ts';

/** Crockford's base32: no letter that is easily taken for another. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const groupLength = 4;
/** Eight groups hold 160 random bits, the ninth their checksum. */
const secretLength = 32;
const checksumLength = 4;

const base32 = (bytes: Uint8Array): string => {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return text;
};

const checksum = (secret: string): string =>
  base32(sha256(new TextEncoder().encode(`mobius/recovery/1 ${secret}`))).slice(0, checksumLength);

const grouped = (text: string): string => (text.match(new RegExp(`.{${groupLength}}`, 'g')) ?? []).join('-');

export const newRecoveryCode = (): string => {
  const secret = base32(randomBytes(20));
  return grouped(secret + checksum(secret));
};

/** The 32 characters that count, from a code as a person types it: any case, any separators, O for 0, I and L for 1. */
export const parseRecoveryCode = (typed: string): string | undefined => {
  const text = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (text.length !== secretLength + checksumLength) return undefined;
  const secret = text.slice(0, secretLength);
  return checksum(secret) === text.slice(secretLength) ? secret : undefined;
};
