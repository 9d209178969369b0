import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Globals, Prompt } from './command.ts';
import { visible } from './visible.ts';

/** The library is loaded with the first question. `help` is the line to run for one who can't be asked. */
export const createPrompt = (io: Io, globals: Pick<Globals, 'input'>, help: string): Prompt => {
  const open = async (question: string) => {
    const { terminal } = io;
    if (terminal === undefined || !globals.input) {
      const why = globals.input ? 'there is no terminal' : '--no-input was given';
      throw new MobiusError('usage', `${why}, so nobody can be asked "${question}"`, {}, `give it as a flag: ${help}`);
    }
    return { ask: await import('./ask.ts'), context: terminal, message: visible(question) };
  };
  return {
    get possible() {
      return globals.input && io.terminal !== undefined;
    },
    confirm: async (question, fallback) => {
      const { ask, context, message } = await open(question);
      return ask.confirm({ message, default: fallback }, context);
    },
    select: async (question, choices) => {
      const { ask, context, message } = await open(question);
      const shown = choices.map(({ value, name }) => ({ value, name: visible(name) }));
      return ask.select({ message, choices: shown }, context);
    },
    text: async (question, fallback) => {
      const { ask, context, message } = await open(question);
      return ask.input({ message, ...(fallback === undefined ? {} : { default: fallback }) }, context);
    },
    hidden: async (question, { lines = false } = {}) => {
      const { ask, context, message } = await open(question);
      const { watchPaste } = await import('./paste.ts');
      const paste = watchPaste(context);
      try {
        const answer = await paste.whole(await ask.password({ message, mask: false }, context));
        if (lines || !answer.includes('\n')) return answer;
      } finally {
        paste.end();
      }
      throw new MobiusError('usage', `several lines were pasted where "${message}" asks for one`);
    },
  };
};
