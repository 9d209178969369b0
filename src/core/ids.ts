import { MobiusError } from '../errors.ts';

export const idPrefixes = {
  project: 'prj',
  principal: 'prin',
  role: 'role',
  roleAssignment: 'ras',
  apiKey: 'key',
  secret: 'sec',
  secretVersion: 'ver',
  rotation: 'rot',
  rotationPolicy: 'rpol',
  user: 'usr',
  session: 'cred',
  deviceCode: 'dev',
  signingKey: 'sig',
  audit: 'aud',
  vault: 'vlt',
  keyslot: 'slot',
  rekey: 'rky',
  move: 'mov',
  request: 'req',
} as const;

const known: ReadonlySet<string> = new Set(Object.values(idPrefixes));
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const prefixGrammar = /^(?:[a-z](?:[a-z_]{0,61}[a-z])?)?$/;
// 26 characters hold 130 bits: a first one above 7 would be a second spelling of another id, or of none.
const idGrammar = /^(?:([a-z](?:[a-z_]{0,61}[a-z])?)_)?([0-7][0-9a-hjkmnp-tv-z]{25})$/;
const uuidGrammar = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const sixteen = (uuid: Uint8Array): Uint8Array => {
  if (uuid.length !== 16) throw new MobiusError('internal', `a UUID must be 16 bytes, not ${uuid.length}`);
  return uuid;
};

/** The TypeID of a UUID. Ids of one prefix sort as their UUIDs do. */
export const typeId = (prefix: string, uuid: Uint8Array): string => {
  if (!known.has(prefix) && !prefixGrammar.test(prefix))
    throw new MobiusError('internal', `"${prefix}" can't be the prefix of an id`);
  let suffix = '';
  let held = 0;
  let bits = 2;
  const bytes = sixteen(uuid);
  for (let at = 0; at < bytes.length; at++) {
    held = (held << 8) | (bytes[at] ?? 0);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      suffix += alphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return prefix === '' ? suffix : `${prefix}_${suffix}`;
};

/** Takes the one canonical spelling of a TypeID and nothing else. */
export const parseTypeId = (text: string): { prefix: string; uuid: Uint8Array } | undefined => {
  const [, prefix = '', suffix] = idGrammar.exec(text) ?? [];
  if (suffix === undefined) return undefined;
  const uuid = new Uint8Array(16);
  let length = 0;
  let held = 0;
  let bits = -2;
  for (const character of suffix) {
    held = (held << 5) | alphabet.indexOf(character);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      uuid[length++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return { prefix, uuid };
};

export const isId = (text: string, prefix: string): boolean =>
  text.startsWith(`${prefix}_`) && idGrammar.exec(text)?.[1] === prefix;

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** Undefined for what is not 32 bytes in lower case. */
export const hashOfHex = (text: string): Uint8Array | undefined =>
  /^[0-9a-f]{64}$/.test(text) ? bytesOf(text) : undefined;

const bytesOf = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));

export const uuidText = (uuid: Uint8Array): string =>
  hexOf(sixteen(uuid)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Takes upper case too, as RFC 9562 asks of readers. */
export const isUuidText = (text: string): boolean => uuidGrammar.test(text);

export const parseUuidText = (text: string): Uint8Array | undefined =>
  isUuidText(text) ? bytesOf(text.replaceAll('-', '')) : undefined;
