import { invalidField, MobiusError } from '../errors.ts';
import type { Secret, SecretUpdated } from '../generated/types.ts';
import type { Input, NameOf, Output } from '../operations.ts';
import { recall } from '../store/memory.ts';
import { forgetSubject } from '../store/rotations.ts';
import * as secrets from '../store/secrets.ts';
import { addTags, setTags } from '../store/tags.ts';
import { type Change, type Handlers, type ProjectContext, present } from './context.ts';
import { idPrefixes } from './ids.ts';
import { afterCursor, cursorAt } from './paging.ts';
import { reschedule } from './rotation-schedule.ts';
import {
  destroyAt,
  destroySuperfluous,
  findSecret,
  findVersion,
  nextValues,
  putToUse,
  retire,
  secretAnswer,
  valuesOf,
  versionAnswer,
  type Written,
  wholeHistory,
  writeVersion,
} from './secret-book.ts';
import { idsOfMatching } from './secret-pages.ts';
import { useReferences } from './secret-use.ts';

const refuseOlder = (secret: secrets.SecretRow, wanted: number | undefined): void => {
  const { version } = secret.clear;
  if (wanted === undefined || wanted === version) return;
  const { name } = secret.plain;
  throw new MobiusError('conflict', `the latest version of the secret "${name}" is ${version}, not ${wanted}`, {
    reason: 'version_mismatch',
    name,
    version,
  });
};

const nameTaken = ({ project }: ProjectContext, name: string): MobiusError =>
  new MobiusError('already_exists', `a secret named "${name}" already exists in project "${project.plain.handle}"`, {
    resource: 'secret',
    field: 'name',
    name,
  });

const destroyedForEver = (name: string, version: number): MobiusError =>
  new MobiusError('conflict', `version ${version} of the secret "${name}" is destroyed, which is final`, {
    reason: 'version_destroyed',
    name,
    version,
  });

/** One that is due is as good as destroyed, whether or not somebody has come by to do it. */
const refuseDestroyed = ({ now }: ProjectContext, secret: secrets.SecretRow, { clear }: secrets.VersionRow): void => {
  const isDue = clear.destroy_at !== null && clear.destroy_at <= now;
  if (clear.state === 'DESTROYED' || isDue) throw destroyedForEver(secret.plain.name, clear.version);
};

/** Zero is how an update says that there is no limit any more. */
const keepingOf = (wish: {
  max_versions?: number | undefined;
  destroy_after_seconds?: number | undefined;
}): { max_versions?: number; destroy_after_seconds?: number } => {
  const { max_versions: most = 0, destroy_after_seconds: after = 0 } = wish;
  return { ...(most === 0 ? {} : { max_versions: most }), ...(after === 0 ? {} : { destroy_after_seconds: after }) };
};

const updatedAnswer = async (
  context: ProjectContext,
  { secret, version }: Pick<Written, 'secret' | 'version'>,
  asked: { values: boolean; stage: boolean },
): Promise<SecretUpdated> => ({
  ...(await secretAnswer(context, secret)),
  ...present({
    staged_version: asked.stage ? version : undefined,
    values_unchanged: asked.values && version === undefined ? true : undefined,
  }),
});

const changeDestroyTimes = async (context: ProjectContext, secret: secrets.SecretRow): Promise<void> => {
  for (const row of await secrets.versionsOf(context, secret.id)) {
    const { state, disabled_at: disabledAt } = row.clear;
    if (state !== 'DISABLED' || disabledAt === null) continue;
    await secrets.updateVersion(context, row, { clear: { destroy_at: destroyAt(secret, disabledAt) } });
  }
};

/** Changes what is known of a secret besides its values; without `changes` where nothing was asked for. */
const changeAbout = async (
  context: ProjectContext,
  secret: secrets.SecretRow,
  input: Input<'secrets.update'>,
): Promise<{ secret: secrets.SecretRow; changes?: Record<string, unknown> }> => {
  const { name, description, tags, expires_at, max_versions, destroy_after_seconds } = input;
  const fields = present({ name, description, tags, expires_at, max_versions, destroy_after_seconds });
  if (Object.keys(fields).length === 0) return { secret };
  const { max_versions: most, destroy_after_seconds: after, ...rest } = secret.plain;
  const keeping = keepingOf({
    max_versions: max_versions ?? most,
    destroy_after_seconds: destroy_after_seconds ?? after,
  });
  const plain: secrets.SecretRow['plain'] = { ...rest, ...present({ name, tags, description }), ...keeping };
  if (description === '') delete plain.description;
  const clear: Partial<secrets.SecretRow['clear']> = {
    updated_at: context.now,
    updated_by: context.caller.principal?.id ?? null,
  };
  if (name !== undefined && name !== secret.plain.name) {
    clear.name_index = secrets.nameIndex(context, context.project.id, name);
    if ((await secrets.byName(context, context.project.id, name)) !== undefined) throw nameTaken(context, name);
  }
  if (expires_at !== undefined) clear.expires_at = expires_at === 'never' ? null : Date.parse(expires_at);
  const updated = await secrets.update(context, secret, { clear, plain });
  if (tags !== undefined) await setTags(context, context.project.id, secret.id, tags);
  if (destroy_after_seconds !== undefined) await changeDestroyTimes(context, updated);
  const destroyed = await destroySuperfluous(context, updated);
  return {
    secret: updated,
    changes: { fields: Object.keys(fields), ...(destroyed.length === 0 ? {} : { destroyed_versions: destroyed }) },
  };
};

const numberOf = (secret: secrets.SecretRow, version: string): number =>
  version === 'latest' ? secret.clear.version : Number(version);

const said = (row: secrets.SecretRow, changes?: Record<string, unknown>) => ({
  type: 'secret',
  id: row.id,
  name: row.plain.name,
  ...(changes === undefined ? {} : { changes }),
});

/** Which version is in use, or its end, may be another now. */
const changed = async (context: ProjectContext, change: Change): Promise<void> => {
  await context.changed(change);
  await reschedule(context, change.id);
};

const filterOf = ({ tag, cursor, limit = 50, expires_before: end }: Input<'secrets.list'>): secrets.Filter => ({
  tags: tag ?? [],
  after: afterCursor(cursor),
  limit: limit + 1,
  ...present({ expiresBefore: end === undefined ? undefined : Date.parse(end) }),
});

/** `ids`: the only ones that it may have, where those were found already. */
const page = async (
  context: ProjectContext,
  input: Input<'secrets.list'>,
  ids?: readonly string[],
): Promise<Output<'secrets.list'>> => {
  const limit = input.limit ?? 50;
  const rows = await secrets.list(context, context.project.id, { ...filterOf(input), ...present({ ids }) });
  const shown = rows.slice(0, limit);
  const enabled = await secrets.enabledVersions(
    context,
    shown.map(({ id }) => id),
  );
  const items: Secret[] = [];
  for (const row of shown) items.push(await secretAnswer(context, row, enabled.get(row.id)));
  // What was removed since it was found makes the page shorter, and not the list.
  const { next_cursor: cursor } = cursorAt(ids?.map((id) => ({ id })) ?? rows, limit);
  return { items, ...present({ next_cursor: cursor }) };
};

export const handlers: Handlers<NameOf<'secrets'>> = {
  'secrets.create': async (context, input): Promise<Secret> => {
    const { project, now, caller } = context;
    const { name, values, description, tags, expires_at: expiresAt } = input;
    const by = caller.principal?.id ?? null;
    const row = await secrets.insert(
      context,
      context.newId(idPrefixes.secret),
      {
        project_id: project.id,
        name_index: secrets.nameIndex(context, project.id, name),
        version: 0,
        expires_at: expiresAt === undefined ? null : Date.parse(expiresAt),
        created_by: by,
        updated_by: by,
        created_at: now,
        updated_at: now,
      },
      present({ name, description: description || undefined, tags, ...keepingOf(input) }),
    );
    if (row === undefined) throw nameTaken(context, name);
    await addTags(context, project.id, row.id, tags ?? {});
    const { secret, changes } = await writeVersion(context, row, values, { stage: false, current: undefined });
    await context.changed(said(secret, changes));
    return secretAnswer(context, secret);
  },

  'secrets.get': async (context, { secret }) => {
    const { project, db } = context;
    const find = async (): Promise<Secret> => secretAnswer(context, await findSecret(context, secret));
    return { ...(await recall({ memory: db.memory?.secrets }, `${project.id} ${secret}`, find)) };
  },

  'secrets.list': {
    alone: ({ match }) => (match === undefined ? (context, input) => page(context, input) : undefined),
    async before(outside, input) {
      const ids = await idsOfMatching(outside, filterOf(input), input.match ?? '*');
      return (context) => page(context, input, ids);
    },
  },

  'secrets.update': async (context, input) => {
    const found = await findSecret(context, input.secret);
    refuseOlder(found, input.if_version);
    const stage = input.stage ?? false;
    const current = await secrets.enabledVersion(context, found.id);
    const values = await nextValues(context, found, current, input);
    if (values === undefined && input.stage !== undefined) throw invalidField('stage', 'needs "values" to stage');
    const about = await changeAbout(context, found, input);
    const { secret } = about;
    const written: Written =
      values === undefined ? { secret, changes: {} } : await writeVersion(context, secret, values, { stage, current });
    if (about.changes !== undefined || values !== undefined) {
      await changed(context, said(secret, { ...about.changes, ...written.changes }));
    }
    return updatedAnswer(context, written, { values: values !== undefined, stage });
  },

  'secrets.delete': async (context, { secret: reference }) => {
    const secret = await findSecret(context, reference);
    await setTags(context, context.project.id, secret.id, {});
    await secrets.removeWithVersions(context, secret, context.now);
    await forgetSubject(context, secret.id, context.now);
    await context.changed(said(secret, { versions: secret.clear.version }));
  },

  'secrets.list-versions': async (context, { secret: reference }) => {
    const secret = await findSecret(context, reference);
    return { items: (await wholeHistory(context, secret)).map(versionAnswer) };
  },

  'secrets.get-version': async (context, { secret: reference, version }) => {
    const secret = await findSecret(context, reference);
    return versionAnswer(await findVersion(context, secret, numberOf(secret, version)));
  },

  'secrets.enable-version': async (context, { secret: reference, version }) => {
    const secret = await findSecret(context, reference);
    const row = await findVersion(context, secret, version);
    if (row.clear.state === 'ENABLED') return versionAnswer(row);
    refuseDestroyed(context, secret, row);
    const { enabled, before, destroyed } = await putToUse(context, secret, row);
    const about = { version, instead_of: before };
    const also = destroyed.length === 0 ? {} : { destroyed_versions: destroyed };
    await changed(context, said(secret, { ...present(about), ...also }));
    return versionAnswer(enabled);
  },

  'secrets.disable-version': async (context, { secret: reference, version }) => {
    const secret = await findSecret(context, reference);
    const row = await findVersion(context, secret, version);
    if (row.clear.state === 'DESTROYED') throw destroyedForEver(secret.plain.name, version);
    if (row.clear.state === 'DISABLED') return versionAnswer(row);
    const disabled = await retire(context, secret, row);
    await changed(context, said(secret, { version }));
    return versionAnswer(disabled);
  },

  'secrets.destroy-version': async (context, { secret: reference, version }) => {
    const secret = await findSecret(context, reference);
    const row = await findVersion(context, secret, version);
    if (row.clear.state === 'DESTROYED') return versionAnswer(row);
    const destroyed = await secrets.destroyValues(context, row, context.now);
    await changed(context, said(secret, { version }));
    return versionAnswer(destroyed);
  },

  'secrets.rollback': async (context, input) => {
    const secret = await findSecret(context, input.secret);
    refuseOlder(secret, input.if_version);
    const old = await findVersion(context, secret, input.version);
    refuseDestroyed(context, secret, old);
    const current = await secrets.enabledVersion(context, secret.id);
    const written = await writeVersion(context, secret, await valuesOf(context, old), { stage: false, current });
    await changed(context, said(secret, { ...written.changes, values_of: input.version }));
    return updatedAnswer(context, written, { values: true, stage: false });
  },

  'secrets.use': async (context, input) => useReferences(context, input),
};
