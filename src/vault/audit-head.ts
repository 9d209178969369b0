import { MobiusError } from '../errors.ts';
import { setMark } from '../store/audit.ts';
import { headEpoch, raiseAuditKey } from './keyring.ts';
import type { Vault } from './open.ts';

/**
 * Writes down the end of a log that was kept before its end was written down apart. Once, for the audit key is another
 * one then: what was removed of a vault afterwards doesn't make it a vault from before.
 */
export const adoptLog = async ({ id, db, ring, sealer, sodium }: Vault): Promise<void> => {
  if (ring.keys().auditEpoch >= headEpoch) return;
  await db.tx('write', async (tx) => {
    // Another process may have done it.
    if (!(await raiseAuditKey(tx, sodium, id, ring.rootKey()))) return;
    const last = await tx.get<{ seq: number; hash: Uint8Array; created_at: number }>(
      'select seq, hash, created_at from audit_log where seq is not null order by seq desc limit 1',
    );
    if (last === undefined || !Number.isSafeInteger(last.seq) || !(last.hash instanceof Uint8Array)) {
      throw new MobiusError('damaged', 'the audit log has no sound end', { table: 'audit_log' });
    }
    await setMark({ db: tx, sealer }, 'head', { seq: last.seq, hash: last.hash, made_at: last.created_at });
  });
  await db.tx('read', (tx) => ring.refresh(tx));
};
