import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openVault, type Place } from '../../src/vault/open.ts';
import { type Entry, faultsOf, open, type Stored } from '../core/chain.ts';
import { world } from '../faults/world.ts';
import type { Machine } from '../process/machine.ts';

/** Of the one vault that a machine has. */
export const keyFileOf = ({ home }: Machine): string => {
  const keys = join(home, '.config', 'mobius', 'keys');
  return join(keys, readdirSync(keys)[0] ?? '');
};

export const placeOf = (machine: Machine): Place => {
  const keyFile = keyFileOf(machine);
  return { path: machine.vault, keys: { keyFile, defaultKeyFile: () => keyFile } };
};

/** All rows of a machine's audit log, which must be whole. */
export const entriesOf = async (machine: Machine): Promise<Entry[]> => {
  const vault = await openVault(world, placeOf(machine));
  try {
    const rows = (await vault.db.all('select * from audit_log order by seq, id')) as unknown as Stored[];
    expect(faultsOf(vault, rows)).toEqual([]);
    return rows.map((row) => ({ ...row, plain: open(vault, row) }));
  } finally {
    await vault.db.close();
  }
};

export interface Refusal {
  action: string;
  credential: string | null;
  address: string | undefined;
  reason: unknown;
  minute: unknown;
  count: number;
}

export const refusalsAmong = (entries: readonly Entry[]): Refusal[] =>
  entries
    .filter(({ resource_type: type }) => type === 'refusal')
    .map(({ action, credential_id: credential, plain: { ip_address: address, changes = {} } }) => ({
      action,
      credential,
      address,
      reason: changes.reason,
      minute: changes.minute,
      count: Number(changes.count),
    }));

export const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

export const countedIn = (refusals: readonly Refusal[]): number => sum(refusals.map(({ count }) => count));
