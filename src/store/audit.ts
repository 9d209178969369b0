import { MobiusError } from '../errors.ts';
import { canonical, canonicalColumns, concat } from './canonical.ts';
import type { Store } from './table.ts';

export interface AuditColumns {
  project_id: string | null;
  action: string;
  resource_type: string;
  resource_id: string;
  principal_id: string | null;
  credential_id: string | null;
  created_at: number;
}

/** What a person wrote or can be recognised by. */
export interface AuditPlain {
  resource_name?: string;
  actor_name?: string;
  credential_name?: string;
  changes?: Record<string, unknown>;
}

const text = new TextEncoder();
const noHash = new Uint8Array(32);

/** Over the plain text, so that sealing a row anew under a later key leaves its MAC and the chain as they are. */
const macOf = (store: Store, id: string, columns: AuditColumns, plain: AuditPlain): Uint8Array =>
  store.sealer.auditMac(
    concat(canonical('mobius/audit/1', id, text.encode(JSON.stringify(plain))), canonicalColumns({ ...columns })),
  );

const damaged = (what: string): MobiusError =>
  new MobiusError('damaged', `the audit log ${what}`, { table: 'audit_log' });

/**
 * Appends a row and links it to the one before, in the caller's transaction: on SQLite, whose writers queue, so `seq`
 * has no gap and the chain no fork.
 */
export const append = async (store: Store, id: string, columns: AuditColumns, plain: AuditPlain): Promise<void> => {
  const head = await store.db.get<{ seq: number; hash: Uint8Array }>(
    'select seq, hash from audit_log where seq is not null order by seq desc limit 1',
  );
  if (head !== undefined && !(Number.isSafeInteger(head.seq + 1) && head.hash instanceof Uint8Array)) {
    throw damaged('has no sound end');
  }
  const seq = (head?.seq ?? 0) + 1;
  const mac = macOf(store, id, columns, plain);
  const hash = store.sealer.hash(canonical('mobius/audit-chain/1', head?.hash ?? noHash, seq, id, mac));
  const sealed = store.sealer.seal({ table: 'audit_log', id, clear: { ...columns } }, { ...plain });
  const count = await store.db.run(
    `insert into audit_log
       (id, seq, project_id, action, resource_type, resource_id, principal_id, credential_id, created_at, sealed, mac, hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      id,
      seq,
      columns.project_id,
      columns.action,
      columns.resource_type,
      columns.resource_id,
      columns.principal_id,
      columns.credential_id,
      columns.created_at,
      sealed,
      mac,
      hash,
    ],
  );
  // A constraint planted in the file can make the engine pass over a row without a word.
  if (count !== 1) throw damaged('takes no rows');
};
