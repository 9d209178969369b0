import type { AuditEntry } from '../generated/types.ts';
import type { Input, NameOf, Output } from '../operations.ts';
import * as audit from '../store/audit.ts';
import { makeSigner } from './anchors.ts';
import { compare, prune, verify } from './audit-check.ts';
import { type Context, type Handlers, type ProjectContext, present } from './context.ts';
import { hexOf, idPrefixes, isId } from './ids.ts';
import { iso } from './iso.ts';
import { cursorAt, furtherFrom, readCursor } from './paging.ts';
import { findPrincipal } from './principals.ts';
import { findProject } from './project-book.ts';

const entryOf = ({ id, clear, plain, free }: audit.AuditRow): AuditEntry => {
  const { resource_name, actor_name, credential_name, ip_address, user_agent, changes } = plain;
  const { project_id, principal_id, credential_id } = clear;
  return {
    seq: free.seq ?? 0,
    created_at: iso(clear.created_at),
    action: clear.action,
    ...present({ actor_name }),
    resource_type: clear.resource_type,
    ...present({ resource_name }),
    resource_id: clear.resource_id,
    ...present({ changes, principal_id, credential_id, credential_name, project_id, ip_address, user_agent }),
    id,
    hash: free.hash === null ? '' : hexOf(free.hash),
  };
};

const filterOf = (input: Input<'audit-logs.list'>): audit.EntryFilter =>
  present({
    resourceType: input.resource_type,
    resourceId: input.resource_id,
    action: input.action,
    createdAfter: input.created_after === undefined ? undefined : Date.parse(input.created_after),
    createdBefore: input.created_before === undefined ? undefined : Date.parse(input.created_before),
  });

type Page = Omit<Output<'audit-logs.list'>, 'items'> & { rows: audit.AuditRow[] };

/** Where a page ended. One that reads on from a number ends with a number alone. */
const endOfPage = (cursor: string | undefined) =>
  readCursor(cursor, (place) => {
    const [, at, seq] = /^(?:(\d{1,16})\.)?(\d{1,16})$/.exec(place) ?? [];
    const numbers = { ...(at === undefined ? {} : { at: Number(at) }), seq: Number(seq) };
    return Object.values(numbers).every(Number.isSafeInteger) ? numbers : undefined;
  });

/** So many entries one page looks at, whatever it finds: else whoever may read asks for all of a long log at once. */
const mostWalked = 50_000;

const pageOf = async (
  context: Context,
  filter: audit.EntryFilter,
  { after_seq: afterSeq, limit = 50, cursor }: Pick<Input<'audit-logs.list'>, 'after_seq' | 'limit' | 'cursor'>,
): Promise<Page> => {
  const after = endOfPage(cursor);
  const { seq: last_seq } = await audit.headOf(context);
  if (afterSeq !== undefined) {
    const from = Math.max(afterSeq, after?.seq ?? 0);
    const through = Math.min((await audit.nextSeq(context, from)) + mostWalked, Number.MAX_SAFE_INTEGER);
    const rows = await audit.following(context, filter, { after: from, through }, limit + 1);
    const page = cursorAt(rows, limit, ({ free }) => String(free.seq));
    const isShort = !page.has_more && through < last_seq;
    return { rows: rows.slice(0, limit), last_seq, ...(isShort ? furtherFrom(String(through)) : page) };
  }
  const from = after?.at === undefined ? undefined : { at: after.at, seq: after.seq };
  const rows = await audit.newest(context, filter, from, limit + 1);
  const placeOf = ({ clear, free }: audit.AuditRow): string => `${clear.created_at}.${free.seq}`;
  return { rows: rows.slice(0, limit), last_seq, ...cursorAt(rows, limit, placeOf) };
};

/** Somebody who is gone is sought by the id alone. */
const principalIdOf = async (context: ProjectContext, reference: string | undefined): Promise<string | undefined> =>
  reference === undefined || isId(reference, idPrefixes.principal)
    ? reference
    : (await findPrincipal(context, reference)).id;

export const handlers: Handlers<NameOf<'audit-logs'>> = {
  'audit-logs.list': async (context, input) => {
    const principalId = await principalIdOf(context, input.principal_id);
    const filter = { ...filterOf(input), projectId: context.project.id, ...present({ principalId }) };
    const { rows, ...page } = await pageOf(context, filter, input);
    return { items: rows.map(entryOf), ...page };
  },

  'audit-logs.list-all': async (context, input) => {
    const project = input.project_id === undefined ? undefined : await findProject(context, input.project_id);
    const filter = { ...filterOf(input), ...present({ projectId: project?.id, principalId: input.principal_id }) };
    const { rows, ...page } = await pageOf(context, filter, input);
    return { items: rows.map((row) => ({ ...entryOf(row), mac: hexOf(row.free.mac) })), ...page };
  },

  'audit-logs.anchor': async (context) => makeSigner(context).anchorOf(await audit.headOf(context), context.now),

  'audit-logs.verify': verify,

  'audit-logs.compare': compare,

  'audit-logs.prune': prune,
};
