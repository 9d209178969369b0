import { checkbox, confirm, input, password, search, select } from './ask.ts';
import type { Asker, Choice } from './command.ts';

const pageSize = 10;

/** Upper and lower case are one, and so are two ways to write an accented letter. */
const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

const found = (choices: readonly Choice[], term: string): Choice[] => {
  const words = folded(term).split(/\s+/);
  return choices.filter(({ name, description = '' }) =>
    words.every((word) => folded(`${name} ${description}`).includes(word)),
  );
};

/** With colours, and the cursor moved about. */
export const asker: Asker = {
  confirm,
  hidden: ({ message }, context) => password({ message, mask: false }, context),
  text: ({ message, fallback, check }, context) =>
    input({ message, ...(fallback === undefined ? {} : { default: fallback }), validate: check }, context),
  select({ message, choices }, context) {
    if (choices.length <= pageSize) return select({ message, choices, pageSize }, context);
    return search(
      { message: `${message} (type to search)`, pageSize, source: (term = '') => found(choices, term) },
      context,
    );
  },
  several: ({ message, choices, filled }, context) =>
    checkbox({ message, choices, required: filled, pageSize, loop: false }, context),
};
