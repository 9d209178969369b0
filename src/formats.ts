/**
 * What is wrong with a text, in words that follow the name of its field; nothing where it is right. Takes time in
 * proportion to the text, whatever it holds.
 */
export type Format = (text: string) => string | undefined;

const [space, tilde, dash, zero, nine, a, z] = [0x20, 0x7e, 0x2d, 0x30, 0x39, 0x61, 0x7a];

/**
 * Printable ASCII alone, as nearly all texts are. By hand, like all that every command asks for: a pattern is compiled at
 * each start, and once more when it is used again, a tenth of a millisecond each time.
 */
const isPlain = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < space || code > tilde) return false;
  }
  return true;
};

/** Counts what a person would count: a character outside the basic plane is one, not two. */
export const codePoints = (text: string): number =>
  isPlain(text) ? text.length : text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);

export const isLowerOrDigit = (code: number): boolean => (code >= a && code <= z) || (code >= zero && code <= nine);

/** Lower-case letters and digits, in pieces with one hyphen between. */
export const isHandle = (text: string): boolean => {
  let before = dash;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === dash ? before === dash : !isLowerOrDigit(code)) return false;
    before = code;
  }
  return before !== dash;
};

/** In numbers: by the names of their classes the engine gathers them from its tables whenever the program starts. */
const controls = /[\u0000-\u001f\u007f-\u009f]/;
const separators = /[\u2028\u2029]/;
export const idShape = /^[a-z]+_[0-9a-hjkmnp-tv-z]{26}$/;

const atMost = (text: string, limit: number): string | undefined =>
  text.length > limit && codePoints(text) > limit ? `must be at most ${limit} characters` : undefined;

export const line: Format = (text) => {
  if (isPlain(text)) return undefined;
  if (controls.test(text)) return 'must not hold control characters';
  if (separators.test(text)) return 'must be a single line';
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode';
};

/** Tabs and line ends are fine; a bare carriage return is not, for it hides on a terminal what stands before it. */
export const prose: Format = (text) => {
  if (controls.test(text.replace(/\r\n|[\t\n]/g, ''))) return 'must not hold control characters';
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode';
};

export const reference: Format = (text) => {
  if (text === '') return 'must not be empty';
  const problem = atMost(text, 128) ?? line(text);
  if (problem !== undefined) return problem;
  return text.trim() === text ? undefined : 'must not begin or end with white space';
};

/** A name that looks like an id could stand for another thing wherever names and ids are both taken. */
export const name: Format = (text) =>
  reference(text) ?? (idShape.test(text) ? 'must not have the shape of an id' : undefined);

export const handle: Format = (text) => {
  if (text.length > 63) return 'must be at most 63 characters';
  return isHandle(text) ? undefined : 'must be lower-case letters, digits and single hyphens, such as acme-ci';
};

/** `api-keys/NAME` or `secrets/NAME`, or an id in place of the name. */
export const rotationSubject: Format = (text) => {
  const [, of] = /^(?:api-keys|secrets)\/(.*)$/s.exec(text) ?? [];
  return of === undefined ? 'must be api-keys/NAME or secrets/NAME' : reference(of);
};

/** What a reference in a text is written with, and what a pattern of names is. */
const referenceSigns = /[{}@*?=,$\\'"`]/;

export const secretName: Format = (text) => {
  const problem = name(text);
  if (problem !== undefined) return problem;
  if (referenceSigns.test(text)) return 'must hold none of { } @ * ? = , $ \\ and quotes';
  return text.endsWith('.') || text.startsWith('.') ? 'must not begin or end with a full stop' : undefined;
};

/** Any text that JSON can hold as a key; how it is referred to is another matter. */
export const secretKey: Format = (text) => {
  if (text === '*' || text.endsWith('.*')) return 'must not be or end in .*, which stands for all keys';
  return text.isWellFormed() ? atMost(text, 256) : 'must be well-formed Unicode';
};

const mostValueBytes = 2 ** 20;

export const secretValue: Format = (text) => {
  const isLong = text.length > mostValueBytes / 3;
  if (isLong && (text.length > mostValueBytes || new TextEncoder().encode(text).length > mostValueBytes)) {
    return 'must be at most 1 MiB (1048576 bytes of UTF-8)';
  }
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode';
};

export const version: Format = (text) =>
  /^(latest|[1-9]\d{0,14})$/.test(text) ? undefined : 'must be the number of a version, or latest';

export const boxKey: Format = (text) =>
  /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text) ? undefined : 'must be 32 bytes in base64';

export const permission: Format = (text) =>
  /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*(\.\*)?$/.test(text)
    ? undefined
    : 'must be a permission such as mobius.keys.issue or actions.execute.*';

export const keyPrefix: Format = (text) => {
  if (text.length > 11) return 'must be at most 11 characters';
  return /^[a-z][a-z0-9]*(_[a-z0-9]+)*_$/.test(text)
    ? undefined
    : 'must be lower-case letters, digits and single underscores, ending in one, such as acme_';
};

export const tagKey: Format = (text) =>
  reference(text) ?? (text.startsWith('mobius:') ? 'must not begin with mobius:, which is reserved' : undefined);

export const tagValue: Format = (text) => atMost(text, 256) ?? line(text);

export const tagFilter: Format = (text) =>
  text.indexOf(':') > 0 ? line(text) : 'must be a tag such as env:production or env:*';

const daysIn = (year: number, month: number): number =>
  month === 2
    ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      ? 29
      : 28
    : [4, 6, 9, 11].includes(month)
      ? 30
      : 31;

const timeShape = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/;

/** RFC 3339 with all its parts. A leap second is refused: no clock that we write to can hold one. */
export const dateTime: Format = (text) => {
  const problem = 'must be a time such as 2027-01-01T00:00:00Z';
  const parts = timeShape.exec(text);
  if (parts === null) return problem;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, aheadHours = 0, aheadMinutes = 0] = parts
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  const real =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    Math.max(hour, aheadHours) <= 23 &&
    Math.max(minute, second, aheadMinutes) <= 59;
  return real ? undefined : problem;
};

export const timeOrNever: Format = (text) =>
  text === 'never' || dateTime(text) === undefined
    ? undefined
    : 'must be a time such as 2027-01-01T00:00:00Z, or never';

export const uuid: Format = (text) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? undefined
    : 'must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057';

const ipv4 = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

const isIpv6 = (text: string): boolean => {
  const halves = text.split('::');
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1) ?? '';
  const mixed = ipv4.test(last) && text.endsWith(last);
  const hex = mixed ? groups.slice(0, -1) : groups;
  const count = hex.length + (mixed ? 2 : 0);
  return (
    hex.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) &&
    (halves.length === 2 ? count < 8 : halves.length === 1 && count === 8)
  );
};

export const ip: Format = (text) =>
  text.length <= 45 && (ipv4.test(text) || isIpv6(text))
    ? undefined
    : 'must be an IP address such as 203.0.113.7 or 2001:db8::7';

/** An address or a network, whose part beyond the prefix says nothing: `10.1.2.3/8` is 10.0.0.0/8. */
export const cidr: Format = (text) => {
  const [address = '', bits, ...more] = text.split('/');
  const most = address.includes(':') ? 128 : 32;
  const fits = bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= most);
  return more.length === 0 && fits && ip(address) === undefined
    ? undefined
    : 'must be an address or network such as 203.0.113.0/24 or 2001:db8::/32';
};

export const rateLimit: Format = (text) => {
  const problem = 'must be a number of uses in some seconds, such as 100/60s, or none';
  if (text === 'none') return undefined;
  const [, uses = '', seconds = ''] = /^([1-9]\d{0,6})\/([1-9]\d{0,4})s$/.exec(text) ?? [];
  return uses !== '' && Number(seconds) <= 86_400 ? undefined : problem;
};

/** What a person signs in with, not what a mail server would make of it. */
export const email: Format = (text) => {
  if (text.length > 254) return 'must be at most 254 characters';
  return /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]+$/u.test(text)
    ? undefined
    : 'must be an e-mail address such as ada@example.test';
};

/** By the name that a schema gives them. */
/** One action of the audit log, or all of a noun. */
export const auditAction: Format = (text) =>
  /^[a-z]+(-[a-z]+)*\.([a-z]+(-[a-z]+)*|\*)$/.test(text)
    ? undefined
    : 'must be an action such as api-keys.revoke, or all of a noun such as secrets.*';

/** 32 bytes, as hashes are written. */
export const hash256: Format = (text) => (/^[0-9a-f]{64}$/.test(text) ? undefined : 'must be 64 hexadecimal digits');

export const formats: Readonly<Record<string, Format>> = {
  line,
  prose,
  reference,
  name,
  handle,
  'audit-action': auditAction,
  hash256,
  'rotation-subject': rotationSubject,
  'secret-name': secretName,
  'secret-key': secretKey,
  'secret-value': secretValue,
  version,
  'box-key': boxKey,
  permission,
  'key-prefix': keyPrefix,
  'tag-key': tagKey,
  'tag-value': tagValue,
  'tag-filter': tagFilter,
  'date-time': dateTime,
  'time-or-never': timeOrNever,
  uuid,
  ip,
  cidr,
  'rate-limit': rateLimit,
  email,
};
