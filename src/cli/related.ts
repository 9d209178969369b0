/** What one mostly does after a verb, with the same noun. */
const usual: Readonly<Record<string, readonly string[]>> = {
  create: ['get', 'list'],
  get: ['update', 'list'],
  list: ['get', 'create'],
  update: ['get', 'list'],
};

const most = 5;

/** Which verbs there are, by noun. */
interface Tabled {
  commands: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * The words of what one would look at next: what the command's own spec names, then what its verb brings, as far as its
 * noun has that.
 */
export const relatedTo = ({ commands }: Tabled, words: readonly string[], own: readonly string[] = []): string[] => {
  const [noun = '', verb = ''] = words;
  const verbs = verb === '' ? [] : (usual[verb] ?? ['list']);
  const there = verbs.filter((one) => commands[noun]?.[one] !== undefined).map((one) => `${noun} ${one}`);
  return [...new Set([...own, ...there])].filter((one) => one !== words.join(' ')).slice(0, most);
};
