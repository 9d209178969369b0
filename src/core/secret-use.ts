import { invalidField, MobiusError } from '../errors.ts';
import * as rotations from '../store/rotations.ts';
import * as secrets from '../store/secrets.ts';
import type { ProjectContext } from './context.ts';
import { uuidText } from './ids.ts';
import { findVersion, type Values, valuesOf, versionInUse } from './secret-book.ts';

/** What stands in a sealed answer for one value. */
interface Used {
  reference: string;
  name: string;
  version: number;
  key: string;
  value: string;
}

/** A secret's values as one call needs them: opened once, however many references name it. */
interface Opened {
  secret: secrets.SecretRow;
  /** Absent where no version is enabled; then there are no values either. */
  version: number | undefined;
  values: Values;
  /** Of the version in use, or else of the latest. */
  keys: readonly string[];
}

const everyKey = '*';

/** `name@3.key`: nothing but the end of the name can stand before the sign. */
const asserted = /^([^@]+)@([1-9]\d{0,14})\.(.+)$/s;

interface Reading {
  name: string;
  version?: number;
  key: string;
}

/** Names and keys may both hold full stops, so a reference may be read in several ways; one of them must be right. */
const readingsOf = (reference: string): Reading[] => {
  const [, name, version, key] = asserted.exec(reference) ?? [];
  if (name !== undefined && key !== undefined) return [{ name, version: Number(version), key }];
  return [...reference.matchAll(/\./g)].map(({ index }) => ({
    name: reference.slice(0, index),
    key: reference.slice(index + 1),
  }));
};

const unreadable = (reference: string): MobiusError =>
  new MobiusError(
    'invalid_input',
    `"${reference}" is no reference to a value`,
    { reference },
    'write name.key, name@3.key for a version that must be the one in use, or name.* for all keys',
  );

const noSuch = (context: ProjectContext, reference: string): MobiusError => {
  const { handle } = context.project.plain;
  return new MobiusError('not_found', `no secret and key for "${reference}" in project "${handle}"`, {
    resource: 'secret',
    reference,
  });
};

/** Opens each secret once. */
const opener = (context: ProjectContext) => {
  const opened = new Map<string, Opened | undefined>();
  return async (name: string): Promise<Opened | undefined> => {
    if (opened.has(name)) return opened.get(name);
    const secret = await secrets.byName(context, context.project.id, name);
    const enabled = secret && (await versionInUse(context, secret));
    const told = secret && (enabled ?? (await secrets.versionByNumber(context, secret.id, secret.clear.version)));
    const found =
      secret === undefined
        ? undefined
        : {
            secret,
            version: enabled?.clear.version,
            values: enabled === undefined ? {} : await valuesOf(context, enabled),
            keys: told?.plain.key_names ?? [],
          };
    opened.set(name, found);
    return found;
  };
};

const keysOf = ({ keys }: Opened, key: string): readonly string[] =>
  key === everyKey ? keys : keys.filter((one) => one === key);

interface Right {
  reading: Reading;
  opened: Opened;
  keys: readonly string[];
}

/** The one reading that names something. */
const rightReading = async (
  context: ProjectContext,
  open: ReturnType<typeof opener>,
  reference: string,
): Promise<Right> => {
  const readings = readingsOf(reference);
  if (readings.length === 0) throw unreadable(reference);
  const right: Right[] = [];
  for (const reading of readings) {
    const opened = reading.name === '' ? undefined : await open(reading.name);
    const keys = opened === undefined ? [] : keysOf(opened, reading.key);
    if (opened !== undefined && keys.length > 0) right.push({ reading, opened, keys });
  }
  const [found, other] = right;
  if (found === undefined) throw noSuch(context, reference);
  if (other !== undefined) {
    const both = `"${found.reading.key}" of "${found.reading.name}" and "${other.reading.key}" of "${other.reading.name}"`;
    throw new MobiusError('conflict', `"${reference}" names both ${both}`, { reference, reason: 'ambiguous' });
  }
  if (found.opened.version === undefined) {
    const { name } = found.reading;
    throw new MobiusError('conflict', `no version of the secret "${name}" is enabled`, {
      reason: 'none_enabled',
      name,
    });
  }
  return found;
};

interface Resolved {
  used: Used[];
  secretId: string;
  version: number;
}

/** Of a rotation that is under way the next version is used by its number, before it is in use: it must be tried first. */
const nextVersion = async (context: ProjectContext, reference: string): Promise<Resolved | undefined> => {
  const [, name, number, key] = asserted.exec(reference) ?? [];
  if (name === undefined || key === undefined) return undefined;
  const secret = await secrets.byName(context, context.project.id, name);
  const rotation = secret && (await rotations.openOf(context, secret.id));
  if (secret === undefined || rotation?.plain.version !== Number(number)) return undefined;
  const row = await findVersion(context, secret, Number(number));
  if (row.clear.state !== 'DISABLED') return undefined;
  const values = await valuesOf(context, row);
  const keys = row.plain.key_names.filter((one) => key === everyKey || key === one);
  if (keys.length === 0) throw noSuch(context, reference);
  const { version } = row.clear;
  return {
    used: keys.map((one) => ({ reference, name, version, key: one, value: values[one] as string })),
    secretId: secret.id,
    version,
  };
};

const resolve = async (
  context: ProjectContext,
  open: ReturnType<typeof opener>,
  reference: string,
): Promise<Resolved> => {
  const next = await nextVersion(context, reference);
  if (next !== undefined) return next;
  const { reading, opened, keys } = await rightReading(context, open, reference);
  const { id: secretId } = opened.secret;
  const { name } = opened.secret.plain;
  const { version = 0 } = opened;
  if (reading.version !== undefined && reading.version !== version) {
    const message = `version ${version} of the secret "${name}" is in use, not ${reading.version}`;
    throw new MobiusError('conflict', message, { reason: 'version_mismatch', name, version });
  }
  const used = keys.map((key) => ({ reference, name, version, key, value: opened.values[key] as string }));
  return { used, secretId, version };
};

const utf8 = new TextEncoder();

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** In pieces: spread over one call, a million bytes would be a million arguments. */
const toBase64 = (bytes: Uint8Array): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
};

const mostBytes = 32 * 2 ** 20;

/** Every reference resolves, or none of the values is answered. One audit row names them all. */
export const useReferences = async (
  context: ProjectContext,
  { references, recipient }: { references: readonly string[]; recipient: string },
): Promise<{ request_id: string; sealed: string }> => {
  const open = opener(context);
  const values: Used[] = [];
  const named: { secret_id: string; reference: string; version: number }[] = [];
  for (const reference of references) {
    const { used, secretId, version } = await resolve(context, open, reference);
    values.push(...used);
    named.push({ secret_id: secretId, reference, version });
  }
  const requestId = uuidText(context.newUuid());
  const plain = utf8.encode(
    JSON.stringify({ recipient, request_id: requestId, project: context.project.plain.handle, values }),
  );
  if (plain.length > mostBytes) throw invalidField('references', 'come to more than 32 MiB; ask for fewer at once');
  const sealed = context.sealer.sealFor(fromBase64(recipient), plain);
  plain.fill(0);
  if (sealed === undefined) throw invalidField('recipient', 'is no X25519 public key');
  await context.changed({ type: 'secret', id: '', changes: { request_id: requestId, references: named } });
  return { request_id: requestId, sealed: toBase64(sealed) };
};
