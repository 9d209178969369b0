import { MobiusError } from '../errors.ts';
import type { Call, Name } from '../operations.ts';
import { type Item, itemsOf } from './answer.ts';
import type { Field } from './command.ts';
import type { Product } from './product.ts';

/** More than these nobody looks through. */
const mostRecords = 1000;

const pathsOf = (path: string, { name, in: place }: Field): string[] => {
  if (place === 'path') return [path.slice(0, path.indexOf(`/{${name}}`))];
  const singular = name
    .replace(/_ids?$/, '')
    .replace(/s$/, '')
    .replaceAll('_', '-');
  return [path.slice(0, path.lastIndexOf('/')), '/v1/projects/{project}', '/v1'].map((base) => `${base}/${singular}s`);
};

/** The operation that lists what this field names one of; undefined where it names no record. */
export const listOf = (
  { operations }: Pick<Product, 'operations'>,
  operation: Name,
  field: Field,
): Name | undefined => {
  if (field.secret === true || !['string', 'strings', 'integer'].includes(field.kind)) return undefined;
  const paths = pathsOf(operations[operation].path, field);
  return (Object.keys(operations) as Name[]).find(
    (name) => operations[name].method === 'GET' && /\.list/.test(name) && paths.includes(operations[name].path),
  );
};

/** What a list takes that leaves none of them out. */
const whole: Readonly<Record<string, unknown>> = { include_disabled: true, include_archived: true };
const pageLimit = 100;

/** The records to choose from; undefined where whoever asks may not see them, or the server has no such list. */
export const recordsOf = async (
  { product, call, list }: { product: Product; call: Call; list: Name },
  values: Readonly<Record<string, unknown>>,
): Promise<readonly Item[] | undefined> => {
  const fields = (await product.fields(list)).input.map(({ name }) => name);
  // A list without pages gives all there is to whoever sets no limit.
  const all = { ...whole, ...values, ...(fields.includes('cursor') ? { limit: pageLimit } : {}) };
  const about = Object.fromEntries(Object.entries(all).filter(([name]) => fields.includes(name)));
  const found: Item[] = [];
  let cursor: string | undefined;
  try {
    do {
      const value = await call(list, { ...about, ...(cursor === undefined ? {} : { cursor }) } as never);
      found.push(...(itemsOf({ value }) ?? []));
      cursor = (value as { next_cursor?: string }).next_cursor;
    } while (cursor !== undefined && found.length < mostRecords);
  } catch (error) {
    const code = error instanceof MobiusError ? error.code : '';
    if (['permission_denied', 'forbidden', 'unsupported'].includes(code)) return undefined;
    throw error;
  }
  return found;
};
