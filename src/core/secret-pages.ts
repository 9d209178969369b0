import * as secrets from '../store/secrets.ts';
import type { Outside } from './context.ts';

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

/** So many names are held against a pattern at once. */
const stretch = 200;

const othersTurn = (): Promise<void> => new Promise((done) => setImmediate(done));

/**
 * The ids of a page of a project's secrets whose names match the pattern, with one more where there are more. The file tells no
 * names, so where few match all are opened: a stretch in each transaction, so that nobody waits for as long as all of them take.
 */
export const idsOfMatching = async (
  { tx, project }: Pick<Outside, 'tx' | 'project'>,
  filter: secrets.Filter,
  pattern: string,
): Promise<string[]> => {
  const matches = matcher(pattern);
  const found: string[] = [];
  for (let { after } = filter; ; await othersTurn()) {
    const rows = await tx('read', (store) =>
      secrets.list(store, project?.id ?? '', { ...filter, after, limit: stretch }),
    );
    found.push(...rows.filter(({ plain }) => matches(plain.name)).map(({ id }) => id));
    const last = rows.at(-1);
    if (found.length >= filter.limit || last === undefined || rows.length < stretch)
      return found.slice(0, filter.limit);
    after = last.id;
  }
};
