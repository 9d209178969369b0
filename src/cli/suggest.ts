import { MobiusError } from '../errors.ts';

/** The one of `known` that a person most likely meant by `word`, if any is near enough. */
export const nearest = async (word: string, known: readonly string[]): Promise<string | undefined> => {
  const { distance } = await import('fastest-levenshtein');
  const lower = word.toLowerCase();
  const ranked = known
    .map((name) => ({ name, far: distance(lower, name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const [best] = ranked;
  // Two letters that changed places are two steps.
  const enough = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  return best !== undefined && best.far <= enough ? best.name : undefined;
};

/** The one of these words that the typed one most likely stands for: nearly the same letters, else nearly the same sense. */
export const meant = async (typed: string, known: readonly string[]): Promise<string | undefined> => {
  const near = await nearest(typed, known);
  if (near !== undefined) return near;
  const { alike } = await import('./synonyms.ts');
  const senses = alike.filter((words) => words.includes(typed.toLowerCase())).flat();
  return senses.find((word) => known.includes(word));
};

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/** The error for a value that is none of those it may be. */
export const oneOf = async (said: string, value: string, choices: readonly string[]): Promise<MobiusError> => {
  const near = await nearest(value, choices);
  return new MobiusError(
    'usage',
    `${said} must be ${listed(choices)}, not "${value}"`,
    {},
    near === undefined ? undefined : `did you mean ${near}?`,
  );
};
