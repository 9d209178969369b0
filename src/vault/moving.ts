import { MobiusError } from '../errors.ts';
import type { Mode, Query } from '../store/db.ts';
import { isThere } from '../store/migrate.ts';
import { isAddress } from '../vault-place.ts';

/**
 * Where a vault stands that is under way. The place that it leaves is `leaving`, where it is only read, and then `left`;
 * the place that it goes to is `arriving` and, when all that is there was verified, `arrived`. A vault that is used has
 * no such row. One place at most can be used at any moment: the old one until it has `left`, the new one after that.
 */
export type MoveState = 'leaving' | 'left' | 'arriving' | 'arrived';

export interface Move {
  /** The same at both places. */
  id: string;
  state: MoveState;
  /** The other place, as it may be shown. */
  place: string;
  /** Of the place that it goes to: what was copied, up to which key. */
  step: string;
  after_key: string;
  started_at: number;
}

export const readMove = (query: Query): Promise<Move | undefined> =>
  query.get<{ [K in keyof Move]: Move[K] }>('select id, state, place, step, after_key, started_at from moves');

/** The same of a vault that an older program may have left, and that nobody is to change. */
export const readMoveIfAny = async (query: Query): Promise<Move | undefined> =>
  (await isThere(query, 'moves')) ? readMove(query) : undefined;

const beingMoved = (): MobiusError =>
  new MobiusError(
    'service_unavailable',
    'the vault is being moved, and until that has ended it is only read',
    { reason: 'moving' },
    'run the move again to go on with it, or give it up: mobius vault move --abort',
  );

/** Asked by every transaction. Who asks may be a server's client, who needn't know where the vault is now. */
export const refuseWhileMoving = (state: string | null, mode: Mode): void => {
  if (state === null || (state === 'leaving' && (mode === 'read' || mode === 'glance'))) return;
  if (state === 'leaving') throw beingMoved();
  throw new MobiusError(
    'not_initialised',
    'the vault was moved to another place',
    { reason: 'moved' },
    'where it is now: mobius vault status',
  );
};

/** Why a vault can't be opened at all; undefined where it can. */
export const whyNotHere = (move: Move | undefined): MobiusError | undefined => {
  if (move === undefined || move.state === 'leaving') return undefined;
  if (move.state === 'left') {
    const hint = isAddress(move.place)
      ? 'name it, with the user that it takes: --vault ADDRESS, or MOBIUS_VAULT'
      : `name it: --vault "${move.place}", or MOBIUS_VAULT`;
    return new MobiusError('not_initialised', `the vault was moved to "${move.place}"`, { reason: 'moved' }, hint);
  }
  return new MobiusError(
    'not_initialised',
    `the vault is not whole: it is being moved here from "${move.place}"`,
    { reason: 'arriving' },
    `end the move: mobius vault move --vault "${move.place}" --to PLACE, which is this one`,
  );
};
