import * as secrets from '../store/secrets.ts';
import type { ProjectContext } from './context.ts';

/**
 * A pattern of names as a function; `*` is any text, `?` one character. Only the last star is ever gone back to, so it
 * takes the length of the name times that of the pattern, whatever stands in them.
 */
const matcher = (pattern: string): ((name: string) => boolean) => {
  const wanted = [...pattern];
  return (name) => {
    const text = [...name];
    let [at, seen] = [0, 0];
    let star: { at: number; seen: number } | undefined;
    while (seen < text.length) {
      if (wanted[at] === '*') star = { at: at++, seen };
      else if (wanted[at] === '?' || wanted[at] === text[seen]) {
        at++;
        seen++;
      } else if (star !== undefined) {
        star.seen += 1;
        [at, seen] = [star.at + 1, star.seen];
      } else return false;
    }
    while (wanted[at] === '*') at++;
    return at === wanted.length;
  };
};

/** Rows that a pattern may leave out are read in stretches, so that a page is full whatever it matches. */
const longestStretch = 200;

/** A page of a project's secrets whose names match the pattern, with one more where there are more. */
export const pageOf = async (
  context: ProjectContext,
  filter: secrets.Filter,
  pattern: string | undefined,
): Promise<secrets.SecretRow[]> => {
  const matches = pattern === undefined ? () => true : matcher(pattern);
  const stretch = pattern === undefined ? filter.limit : longestStretch;
  const found: secrets.SecretRow[] = [];
  let { after } = filter;
  for (;;) {
    const rows = await secrets.list(context, context.project.id, { ...filter, after, limit: stretch });
    found.push(...rows.filter(({ plain }) => matches(plain.name)));
    const last = rows.at(-1);
    if (found.length >= filter.limit || last === undefined || rows.length < stretch)
      return found.slice(0, filter.limit);
    after = last.id;
  }
};
