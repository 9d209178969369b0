import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Asker, Choice, Globals, Prompt, Questioned } from './command.ts';
import { visible } from './visible.ts';

type Terminal = NonNullable<Io['terminal']>;

/** On a line of its own the cursor, seen, and what is pasted no longer marked. */
const asBefore = '\r\n\u001b[J\u001b[?25h\u001b[?2004l';

/**
 * A question that is given up by Escape, and by a standard input that ends: without that the process would end for want
 * of anything to do, as if all had gone well.
 */
const whileItStands = async <T>(
  io: Io,
  { input, output }: Terminal,
  isDumb: boolean,
  ask: (context: Questioned) => Promise<T>,
): Promise<T> => {
  const standing = new AbortController();
  const giveUp = (): void => standing.abort();
  const onKey = (_text: string | undefined, key: { name?: string } = {}): void => {
    if (key.name === 'escape') giveUp();
  };
  const ends = ['pause', 'end', 'close'];
  input.on('keypress', onKey);
  for (const name of ends) input.on(name, giveUp);
  const done = io.onInterrupt(() => {
    if (!isDumb) output.write(asBefore);
  });
  try {
    return await ask({ input, output, signal: standing.signal });
  } finally {
    done();
    input.off('keypress', onKey);
    for (const name of ends) input.off(name, giveUp);
  }
};

const shownChoice = ({ value, name, description }: Choice): Choice => ({
  value,
  name: visible(name),
  ...(description === undefined ? {} : { description: visible(description) }),
});

/** The library is loaded with the first question. `help` is the line to run for one who can't be asked. */
export const createPrompt = (io: Io, globals: Pick<Globals, 'input'>, help: string): Prompt => {
  const isDumb = io.env.TERM === 'dumb';
  const open = async <T>(
    question: string,
    ask: (asker: Asker, message: string, context: Questioned) => Promise<T>,
  ): Promise<T> => {
    const { terminal } = io;
    if (terminal === undefined || !globals.input) {
      const why = globals.input ? 'there is no terminal' : '--no-input was given';
      throw new MobiusError('usage', `${why}, so nobody can be asked "${question}"`, {}, `give it as a flag: ${help}`);
    }
    const { asker } = await (isDumb ? import('./ask-plainly.ts') : import('./ask-drawn.ts'));
    return whileItStands(io, terminal, isDumb, (context) => ask(asker, visible(question), context));
  };
  const text: Prompt['text'] = (question, { fallback, check } = {}) =>
    open(question, ({ text: asked }, message, context) =>
      asked({ message, fallback, check: async (typed) => (await check?.(typed)) ?? true }, context),
    );
  return {
    get possible() {
      return globals.input && io.terminal !== undefined;
    },
    text,
    confirm: (question, fallback) =>
      open(question, (asker, message, context) => asker.confirm({ message, default: fallback }, context)),
    async named(question, name) {
      const typed = await text(`${question} Type "${name}" to go on:`);
      return typed.trim() === name;
    },
    select: (question, choices) =>
      open(question, (asker, message, context) =>
        asker.select({ message, choices: choices.map(shownChoice) }, context),
      ) as Promise<never>,
    several: (question, choices, { filled = false } = {}) =>
      open(question, (asker, message, context) =>
        asker.several({ message, choices: choices.map(shownChoice), filled }, context),
      ),
    hidden: (question, { lines = false } = {}) =>
      open(question, async (asker, message, context) => {
        if (isDumb) return asker.hidden({ message }, context);
        const { watchPaste } = await import('./paste.ts');
        const paste = watchPaste(context);
        try {
          const answer = await paste.whole(await asker.hidden({ message }, context));
          if (lines || !answer.includes('\n')) return answer;
        } finally {
          paste.end();
        }
        throw new MobiusError('usage', `several lines were pasted where "${message}" asks for one`);
      }),
  };
};
