import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns, concat } from './canonical.ts';
import type { Query } from './db.ts';
import { isBytes, isWhole, type Store, type Stored, table } from './table.ts';

export type AuditColumns = {
  project_id: string | null;
  action: string;
  resource_type: string;
  resource_id: string;
  principal_id: string | null;
  credential_id: string | null;
  created_at: number;
};

type Chained = { seq: number | null; mac: Uint8Array; hash: Uint8Array | null };
export type AuditRow = Stored<AuditColumns, AuditPlain, Chained>;

/** What a person wrote or can be recognised by. */
export interface AuditPlain {
  resource_name?: string;
  actor_name?: string;
  credential_name?: string;
  ip_address?: string;
  user_agent?: string;
  changes?: Record<string, unknown>;
}

export const auditLog = table<AuditColumns, AuditPlain, Chained>(
  'audit_log',
  ['project_id', 'action', 'resource_type', 'resource_id', 'principal_id', 'credential_id', 'created_at'],
  { seq: isWhole, mac: isBytes, hash: isBytes },
);

const text = new TextEncoder();
const noHash = new Uint8Array(32);

/** Over the plain text, so that sealing a row anew under a later key leaves its MAC and the chain as they are. */
export const macOf = (store: Store, id: string, columns: AuditColumns, plain: AuditPlain): Uint8Array =>
  store.sealer.auditMac(
    concat(canonical('mobius/audit/1', id, text.encode(JSON.stringify(plain))), canonicalColumns(columns)),
  );

/** The link of a row to the one before it; the first has none before it. */
export const linkOf = (store: Store, before: Uint8Array | undefined, seq: number, id: string, mac: Uint8Array) =>
  store.sealer.hash(canonical('mobius/audit-chain/1', before ?? noHash, seq, id, mac));

export type ChainHead = { seq: number; hash: Uint8Array };

export const headOf = (db: Query): Promise<ChainHead | undefined> =>
  db.get<ChainHead>('select seq, hash from audit_log where seq is not null order by seq desc limit 1');

export interface Recent {
  projectId: string;
  /** Sorts before the id of each that is sought. */
  afterId: string;
  action: string;
  /** What it was done to: an action that was refused has its entries too, about the refusals. */
  resourceType: string;
  credentialId: string;
  since: number;
  limit: number;
}

/** When somebody did a thing of late, the last first. */
export const timesOf = async ({ db }: Store, recent: Recent): Promise<number[]> => {
  const rows = await db.all<{ created_at: number }>(
    `select created_at from audit_log
     where project_id = $1 and id > $2 and action = $3 and credential_id = $4 and created_at > $5
     and resource_type = $6
     order by id desc limit $7`,
    [
      recent.projectId,
      recent.afterId,
      recent.action,
      recent.credentialId,
      recent.since,
      recent.resourceType,
      recent.limit,
    ],
  );
  return rows.map(({ created_at }) => created_at);
};

const damaged = (what: string): MobiusError =>
  new MobiusError('damaged', `the audit log ${what}`, { table: 'audit_log' });

/**
 * Appends a row and links it to the one before, in the caller's transaction: on SQLite, whose writers queue, so `seq`
 * has no gap and the chain no fork.
 */
export const append = async (store: Store, id: string, columns: AuditColumns, plain: AuditPlain): Promise<void> => {
  const head = await headOf(store.db);
  if (head !== undefined && !(Number.isSafeInteger(head.seq + 1) && head.hash instanceof Uint8Array)) {
    throw damaged('has no sound end');
  }
  const seq = (head?.seq ?? 0) + 1;
  const mac = macOf(store, id, columns, plain);
  const chained = { seq, mac, hash: linkOf(store, head?.hash, seq, id, mac) };
  // A constraint planted in the file can make the engine pass over a row without a word.
  if ((await auditLog.insert(store, id, columns, plain, chained)) === undefined) throw damaged('takes no rows');
};
