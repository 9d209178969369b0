import { invalidField } from '../errors.ts';
import { parseTypeId } from './ids.ts';

/** A cursor is opaque to its reader: today where a page ended, in base64url. */
const spell = (place: string): string => btoa(place).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** Where what comes next begins, for an answer that is no page of rows. */
export const furtherFrom = (place: string): { has_more: true; next_cursor: string } => ({
  has_more: true,
  next_cursor: spell(place),
});

/** Where a page ended; undefined where there is no cursor. */
export const readCursor = <T>(cursor: string | undefined, parse: (place: string) => T | undefined): T | undefined => {
  if (cursor === undefined) return undefined;
  let found: T | undefined;
  try {
    found = parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    found = undefined;
  }
  if (found === undefined) throw invalidField('cursor', 'is not one that a page ended with');
  return found;
};

/** The id after which a page begins; sorts before every id where there is no cursor. */
export const afterCursor = (cursor: string | undefined): string =>
  readCursor(cursor, (id) => (parseTypeId(id) === undefined ? undefined : id)) ?? '';

/** Of a page that was read with one row more than its limit: whether there is a next one and where it begins. */
export const cursorAt = <R extends { id: string }>(
  rows: readonly R[],
  limit: number,
  placeOf: (row: R) => string = ({ id }) => id,
): { has_more: boolean; next_cursor?: string } => {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return last === undefined ? { has_more: false } : furtherFrom(placeOf(last));
};

/** Where a page ended that begins with what comes first in time. */
export interface PlaceInTime {
  at: number;
  id: string;
}

export const readTimeCursor = (cursor: string | undefined, isOne: (id: string) => boolean): PlaceInTime | undefined =>
  readCursor(cursor, (place) => {
    const [, at = '', id = ''] = /^(\d{1,15})\.(.+)$/.exec(place) ?? [];
    return isOne(id) ? { at: Number(at), id } : undefined;
  });

export const timeCursorAt = <R extends { id: string }>(rows: readonly R[], limit: number, timeOf: (row: R) => number) =>
  cursorAt(rows, limit, (row) => `${timeOf(row)}.${row.id}`);
