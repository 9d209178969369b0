import { lineFor } from './find.ts';
import type { Invocation } from './invocation.ts';

export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The line that shows the page after this one: the same again with its cursor, but for a key. */
export const nextPage = ({ words, operands, given }: Invocation, cursor: string): string => {
  const kept = given.filter(({ flag }) => flag.field?.name !== 'cursor' && flag.name !== 'api-key');
  const flags = kept.flatMap(({ flag, value }) => [`--${flag.name}`, ...(value === undefined ? [] : [value])]);
  return [lineFor(words), ...[...operands, ...flags, '--cursor', cursor].map(quoted)].join(' ');
};
