import { invalidField, MobiusError, notFound } from '../errors.ts';
import type { Secret, SecretVersion } from '../generated/types.ts';
import * as secrets from '../store/secrets.ts';
import type { Store } from '../store/table.ts';
import { textOf } from '../utf8.ts';
import { canonicalJson } from './canonical-json.ts';
import { type ProjectContext, present } from './context.ts';
import { idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';

export type Values = Readonly<Record<string, string>>;

const utf8 = new TextEncoder();

/** By id or name, in the project of the call. */
export const findSecret = async (context: ProjectContext, reference: string): Promise<secrets.SecretRow> => {
  const { project } = context;
  const row = isId(reference, idPrefixes.secret)
    ? await secrets.byId(context, reference)
    : await secrets.byName(context, project.id, reference);
  if (row === undefined || row.clear.project_id !== project.id) {
    throw notFound('secret', reference, project.plain.handle);
  }
  return row;
};

export const findVersion = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  number: number,
): Promise<secrets.VersionRow> => {
  const row = await secrets.versionByNumber(context, secret.id, number);
  if (row !== undefined) return row;
  const { name } = secret.plain;
  throw new MobiusError('not_found', `the secret "${name}" has no version ${number}`, {
    resource: 'secret version',
    name,
    version: number,
  });
};

/** All versions, the newest first. History that somebody took a part of must not look like the whole. */
export const wholeHistory = async (store: Store, secret: secrets.SecretRow): Promise<secrets.VersionRow[]> => {
  const rows = await secrets.versionsOf(store, secret.id);
  if (rows.length === secret.clear.version) return rows;
  const message = `the secret "${secret.plain.name}" has ${secret.clear.version} versions, but not all of them are there`;
  throw new MobiusError('damaged', message, { table: 'secret_versions', id: secret.id });
};

/** The version in use. That there is none is believed only where the whole history says so too. */
export const versionInUse = async (
  store: Store,
  secret: secrets.SecretRow,
): Promise<secrets.VersionRow | undefined> => {
  const found = await secrets.enabledVersion(store, secret.id);
  if (found !== undefined) return found;
  const hidden = (await wholeHistory(store, secret)).find(({ clear }) => clear.state === 'ENABLED');
  if (hidden === undefined) return undefined;
  const message = `the version in use of the secret "${secret.plain.name}" isn't found by its index`;
  throw new MobiusError('damaged', message, { table: 'secret_versions', id: hidden.id });
};

const timeOf = (time: number | null): string | undefined => (time === null ? undefined : iso(time));

/** Without a version in use, the latest tells which keys there are. `known`: the one in use, where it was read already. */
export const secretAnswer = async (
  store: Store,
  row: secrets.SecretRow,
  known?: secrets.VersionRow,
): Promise<Secret> => {
  const { id, clear, plain } = row;
  const enabled = known ?? (await secrets.enabledVersion(store, id));
  const told = enabled ?? (await secrets.versionByNumber(store, id, clear.version));
  return present({
    id,
    name: plain.name,
    version: clear.version,
    enabled_version: enabled?.clear.version,
    key_names: told?.plain.key_names ?? [],
    description: plain.description,
    project_id: clear.project_id,
    expires_at: timeOf(clear.expires_at),
    max_versions: plain.max_versions,
    destroy_after_seconds: plain.destroy_after_seconds,
    tags: plain.tags,
    created_by: clear.created_by,
    updated_by: clear.updated_by,
    created_at: iso(clear.created_at),
    updated_at: iso(clear.updated_at),
  });
};

export const isStaged = ({ clear }: secrets.VersionRow): boolean =>
  clear.state === 'DISABLED' && clear.disabled_at === null;

export const versionAnswer = (row: secrets.VersionRow): SecretVersion => {
  const { id, clear, plain } = row;
  return present({
    id,
    secret_id: clear.secret_id,
    version: clear.version,
    state: clear.state,
    staged: isStaged(row) ? true : undefined,
    sha256: plain.sha256,
    key_names: plain.key_names,
    created_by: clear.created_by,
    created_at: iso(clear.created_at),
    disabled_at: timeOf(clear.disabled_at),
    destroy_at: timeOf(clear.destroy_at),
    destroyed_at: timeOf(clear.destroyed_at),
  });
};

export const valuesOf = async (store: Store, row: secrets.VersionRow): Promise<Values> =>
  JSON.parse(textOf(await secrets.openValues(store, row))) as Values;

const mostBytes = 16 * 2 ** 20;

const spell = (context: ProjectContext, values: Values): { bytes: Uint8Array; sha256: string } => {
  const bytes = utf8.encode(canonicalJson(values));
  if (bytes.length > mostBytes) throw invalidField('values', 'must be at most 16 MiB together');
  return { bytes, sha256: context.sha256(bytes) };
};

/** When the values of a version that goes out of use are to be destroyed. */
export const destroyAt = (secret: secrets.SecretRow, from: number): number | null =>
  secret.plain.destroy_after_seconds === undefined ? null : from + secret.plain.destroy_after_seconds * 1000;

/** Takes the version that is in use out of use. */
export const retire = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  row: secrets.VersionRow,
): Promise<secrets.VersionRow> =>
  secrets.updateVersion(context, row, {
    clear: { state: 'DISABLED', disabled_at: context.now, destroy_at: destroyAt(secret, context.now) },
  });

export const destroySuperfluous = async (context: ProjectContext, secret: secrets.SecretRow): Promise<number[]> => {
  const { max_versions: most } = secret.plain;
  const destroyed: number[] = [];
  if (most === undefined) return destroyed;
  for (const row of await secrets.superfluous(context, secret.id, most)) {
    await secrets.destroyValues(context, row, context.now);
    destroyed.push(row.clear.version);
  }
  return destroyed;
};

export interface Written {
  secret: secrets.SecretRow;
  /** The number of the new version; absent where the values are those that are in use. */
  version?: number;
  /** What the audit log is told. */
  changes: Record<string, unknown>;
}

const changedKeys = (before: Values, after: Values): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]).sort();

/**
 * Writes the next version, in use from the moment that the call is over unless it is staged. Numbers have no gap: the
 * secret's own row counts them, and of two at once the second sees the first or is refused.
 */
export const writeVersion = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  values: Values,
  { stage, current }: { stage: boolean; current: secrets.VersionRow | undefined },
): Promise<Written> => {
  const { bytes, sha256 } = spell(context, values);
  // On record, for it tells whoever may change a secret that they guessed its values.
  if (current?.plain.sha256 === sha256) return { secret, changes: { unchanged: true } };
  const before = current === undefined ? {} : await valuesOf(context, current);
  const number = secret.clear.version + 1;
  const by = context.caller.principal?.id ?? null;
  if (!stage && current !== undefined) await retire(context, secret, current);
  const row = await secrets.insertVersion(
    context,
    context.newId(idPrefixes.secretVersion),
    {
      project_id: context.project.id,
      secret_id: secret.id,
      version: number,
      state: stage ? 'DISABLED' : 'ENABLED',
      created_by: by,
      created_at: context.now,
      disabled_at: null,
      destroy_at: null,
      destroyed_at: null,
    },
    { sha256, key_names: Object.keys(values).sort() },
    bytes,
  );
  if (row === undefined) {
    throw new MobiusError('conflict', 'it was changed by somebody else at the same moment', {
      reason: 'changed_meanwhile',
    });
  }
  const updated = await secrets.update(context, secret, {
    clear: { version: number, updated_by: by, updated_at: context.now },
  });
  const destroyed = await destroySuperfluous(context, updated);
  return {
    secret: updated,
    version: number,
    changes: present({
      version: number,
      changed_keys: changedKeys(before, values),
      staged: stage ? true : undefined,
      destroyed_versions: destroyed.length === 0 ? undefined : destroyed,
    }),
  };
};

const noneEnabled = (name: string): MobiusError =>
  new MobiusError('conflict', `no version of the secret "${name}" is enabled, so there are no values to keep`, {
    reason: 'none_enabled',
    name,
  });

/** The values of the next version; undefined where none were asked for. */
export const nextValues = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  current: secrets.VersionRow | undefined,
  { values, merge, unset }: { values?: Values; merge?: boolean; unset?: readonly string[] },
): Promise<Values | undefined> => {
  if (values === undefined && unset === undefined) {
    if (merge === true) throw invalidField('merge', 'needs "values" to merge');
    return undefined;
  }
  if (merge !== true && unset === undefined) return values;
  if (current === undefined) throw noneEnabled(secret.plain.name);
  const kept = { ...(await valuesOf(context, current)) };
  for (const key of unset ?? []) {
    if (!Object.hasOwn(kept, key)) throw notFound('key', key);
    delete kept[key];
  }
  const next = { ...kept, ...values };
  if (Object.keys(next).length === 0) throw invalidField('values', 'must not be empty');
  if (Object.keys(next).length > 256) throw invalidField('values', 'must have at most 256 entries');
  return next;
};

/** Puts a version in the place of the one that is in use. */
export const putToUse = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  row: secrets.VersionRow,
): Promise<{ enabled: secrets.VersionRow; before: number | undefined; destroyed: number[] }> => {
  const current = await secrets.enabledVersion(context, secret.id);
  if (current !== undefined) await retire(context, secret, current);
  const enabled = await secrets.updateVersion(context, row, {
    clear: { state: 'ENABLED', disabled_at: null, destroy_at: null },
  });
  return { enabled, before: current?.clear.version, destroyed: await destroySuperfluous(context, secret) };
};
