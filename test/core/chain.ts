import type { Vault } from '../../src/vault/open.ts';
import type { TestVault } from './world.ts';

/** A row of the audit log as it is stored. */
export interface Stored {
  id: string;
  seq: number;
  project_id: string | null;
  action: string;
  resource_type: string;
  resource_id: string;
  principal_id: string | null;
  credential_id: string | null;
  created_at: number;
  sealed: Buffer;
  mac: Buffer;
  hash: Buffer;
}

export interface Entry extends Stored {
  plain: {
    resource_name?: string;
    actor_name?: string;
    credential_name?: string;
    ip_address?: string;
    changes?: Record<string, unknown>;
  };
}

type Part = string | number | Uint8Array;

/** A type byte (1 text, 2 number, 3 bytes), the length in four bytes, then the bytes. */
const spelled = (...parts: readonly Part[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => {
      const body = Buffer.from(typeof part === 'number' ? String(part) : part);
      const head = Buffer.alloc(5);
      head.writeUInt8(typeof part === 'string' ? 1 : typeof part === 'number' ? 2 : 3);
      head.writeUInt32BE(body.length, 1);
      return [head, body];
    }),
  );

const clearOf = ({ id: _, seq: _seq, sealed: _sealed, mac: _mac, hash: _hash, ...clear }: Stored) => clear;

export const storedEntries = (vault: TestVault): Stored[] =>
  vault.rows<Stored>('select * from audit_log order by seq, id');

export const open = ({ sealer }: Vault, row: Stored): Entry['plain'] =>
  sealer.open({ table: 'audit_log', id: row.id, clear: clearOf(row) }, new Uint8Array(row.sealed));

export const entries = (vault: TestVault): Entry[] =>
  storedEntries(vault).map((row) => ({ ...row, plain: open(vault.vault, row) }));

/** What is wrong with an audit log, computed anew from what is stored; nothing where it is whole. */
export const faultsOf = (vault: Vault, rows: readonly Stored[]): string[] => {
  const faults: string[] = [];
  let previous: Uint8Array = new Uint8Array(32);
  for (const [i, row] of rows.entries()) {
    const at = `row ${i + 1}`;
    if (row.seq !== i + 1) faults.push(`${at} has seq ${row.seq}`);
    let plain = '';
    try {
      plain = JSON.stringify(open(vault, row));
    } catch {
      faults.push(`${at} does not open`);
    }
    const columns = Object.entries(clearOf(row))
      .filter((entry): entry is [string, string | number] => entry[1] !== null)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flat();
    const said = Buffer.concat([
      spelled('mobius/audit/1', row.id, new TextEncoder().encode(plain)),
      spelled(...columns),
    ]);
    if (!row.mac.equals(vault.sealer.auditMac(new Uint8Array(said)))) faults.push(`${at} has another mac`);
    const linked = spelled('mobius/audit-chain/1', previous, row.seq, row.id, new Uint8Array(row.mac));
    if (!row.hash.equals(vault.sealer.hash(new Uint8Array(linked)))) faults.push(`${at} is not linked`);
    previous = new Uint8Array(row.hash);
  }
  return faults;
};
