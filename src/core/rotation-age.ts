import * as keys from '../store/api-keys.ts';
import * as secrets from '../store/secrets.ts';
import type { Store } from '../store/table.ts';
import { idPrefixes, isId } from './ids.ts';
import { versionInUse } from './secret-book.ts';

/** What is rotated, as it is now. */
export type Subject = { kind: 'api-keys'; row: keys.KeyRow } | { kind: 'secrets'; row: secrets.SecretRow };

export const nameOf = ({ row }: Subject): string => row.plain.name;

/** How it is referred to; of two keys with one name only the one that is found by it. */
export const subjectText = ({ kind, row }: Subject): string =>
  `${kind}/${kind === 'api-keys' && row.plain.name_taken === true ? row.id : row.plain.name}`;

/** By the id that a rotation or a schedule holds; undefined where it is gone. */
export const subjectById = async (context: Store, id: string): Promise<Subject | undefined> => {
  if (isId(id, idPrefixes.secret)) {
    const row = await secrets.byId(context, id);
    return row === undefined ? undefined : { kind: 'secrets', row };
  }
  const row = await keys.byId(context, id);
  return row === undefined ? undefined : { kind: 'api-keys', row };
};

/** When what is in use was made, when it ends by itself and when it was last used, where that is known. */
export interface Age {
  madeAt: number;
  endsAt: number | null;
  usedAt?: number | null;
}

export const ageOf = async (context: Store, subject: Subject): Promise<Age> => {
  if (subject.kind === 'api-keys') {
    const { clear, free } = subject.row;
    return { madeAt: clear.created_at, endsAt: keys.endOf(subject.row), usedAt: free.last_used_at };
  }
  const enabled = await versionInUse(context, subject.row);
  return { madeAt: (enabled ?? subject.row).clear.created_at, endsAt: subject.row.clear.expires_at };
};
