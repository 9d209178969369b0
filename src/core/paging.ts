import { invalidField } from '../errors.ts';
import { parseTypeId } from './ids.ts';

/** A cursor is opaque to its reader: today the last id of a page, in base64url. */
const spell = (id: string): string => btoa(id).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** The id after which a page begins; sorts before every id where there is no cursor. */
export const afterCursor = (cursor: string | undefined): string => {
  if (cursor === undefined) return '';
  let id = '';
  try {
    id = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    throw invalidField('cursor', 'is not one that a page ended with');
  }
  if (parseTypeId(id) === undefined) throw invalidField('cursor', 'is not one that a page ended with');
  return id;
};

/** Of a page that was read with one row more than its limit: whether there is a next one and where it begins. */
export const cursorAt = (
  rows: readonly { id: string }[],
  limit: number,
): { has_more: boolean; next_cursor?: string } => {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return last === undefined ? { has_more: false } : { has_more: true, next_cursor: spell(last.id) };
};
