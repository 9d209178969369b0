import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Asker, Choice, Questioned } from './command.ts';

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

const gaveUp = (): Error => Object.assign(new Error('the question was given up'), { name: 'AbortPromptError' });

/** One line, which the terminal itself shows as it is typed, or nobody does. */
const lineFrom = (question: string, { input, output, signal }: Questioned, isHidden: boolean): Promise<string> =>
  new Promise((done, failed) => {
    output.write(`${question} `);
    const lines = createInterface(
      isHidden ? { input, output: nowhere(), terminal: true } : { input, output, terminal: false },
    );
    let answer: string | undefined;
    const end = (): void => lines.close();
    signal.addEventListener('abort', end, { once: true });
    lines.once('SIGINT', end);
    lines.once('line', (line) => {
      answer = line;
      end();
    });
    lines.once('close', () => {
      signal.removeEventListener('abort', end);
      if (isHidden) output.write('\n');
      if (answer === undefined) failed(gaveUp());
      else done(answer);
    });
  });

const listed = (choices: readonly Choice[]): string =>
  choices
    .map(
      ({ name, description = '' }, at) =>
        `${String(at + 1).padStart(4)}) ${name}${description && `: ${description}`}\n`,
    )
    .join('');

const chosen = (choices: readonly Choice[], typed: string): Choice | undefined =>
  choices[Number(typed) - 1] ?? choices.find(({ value, name }) => value === typed || name === typed);

/** Asks again, having said why, until `read` takes what was typed. */
const until = async <T>(
  question: string,
  context: Questioned,
  read: (line: string) => Promise<{ taken: T } | string>,
): Promise<T> => {
  for (;;) {
    const result = await read((await lineFrom(question, context, false)).trim());
    if (typeof result !== 'string') return result.taken;
    context.output.write(`${result}\n`);
  }
};

const withWay = (message: string, way: string): string => `${message.replace(/:$/, '')} (${way}):`;

/** For a terminal that knows no more than to show line after line. */
export const asker: Asker = {
  confirm: ({ message, default: fallback }, context) =>
    until(`${message} (${fallback ? 'Y/n' : 'y/N'})`, context, async (line) => {
      if (line === '') return { taken: fallback };
      return /^(y|yes|n|no)$/i.test(line) ? { taken: /^y/i.test(line) } : 'yes or no';
    }),
  hidden: ({ message }, context) => lineFrom(message, context, true),
  text: ({ message, fallback = '', check }, context) =>
    until(fallback === '' ? message : `${message} (${fallback})`, context, async (line) => {
      const text = line === '' ? fallback : line;
      const answer = await check(text);
      return answer === true ? { taken: text } : answer;
    }),
  select({ message, choices }, context) {
    context.output.write(listed(choices));
    return until(withWay(message, 'number or name'), context, async (line) => {
      const choice = chosen(choices, line);
      return choice === undefined ? 'that is none of them' : { taken: choice.value };
    });
  },
  several({ message, choices, filled }, context) {
    context.output.write(listed(choices));
    return until(withWay(message, 'numbers or names, with commas between'), context, async (line) => {
      const typed = line.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
      const taken = typed.flatMap((part) => chosen(choices, part)?.value ?? []);
      if (taken.length < typed.length) return 'that is not among them';
      return filled && taken.length === 0 ? 'at least one is needed' : { taken: [...new Set(taken)] };
    });
  },
};
