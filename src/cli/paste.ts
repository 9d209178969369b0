import type { Io } from '../io.ts';

type Terminal = NonNullable<Io['terminal']>;

interface Key {
  name?: string;
}

/** A terminal that went away in the middle of a paste never says that it has ended. */
const longestSilenceMs = 2_000;

/**
 * Asks the terminal to mark what is pasted, for a question that ends with a line would leave the other lines of a pasted
 * key to the shell, which shows them and keeps them in its history.
 */
export const watchPaste = ({ input, output }: Terminal) => {
  const raw = input as Terminal['input'] & { setRawMode?(on: boolean): void };
  let pasting = false;
  /** A line ended inside of it, and the question with that line. */
  let isCut = false;
  let pasted = '';
  let touched = (): void => undefined;
  const onKey = (text: string | undefined, key: Key = {}): void => {
    if (key.name === 'paste-start') {
      pasting = true;
      pasted = '';
    } else if (key.name === 'paste-end') pasting = false;
    else if (pasting) {
      const isEnd = key.name === 'return' || key.name === 'enter';
      isCut ||= isEnd;
      pasted += isEnd ? '\n' : (text ?? '');
    }
    touched();
  };
  input.on('keypress', onKey);
  output.write('\u001b[?2004h');

  const untilEnd = (): Promise<void> =>
    new Promise((done) => {
      let timer: NodeJS.Timeout;
      touched = () => {
        clearTimeout(timer);
        timer = setTimeout(done, pasting ? longestSilenceMs : 0);
      };
      touched();
    });

  return {
    /** What was meant by an answer that is the first line of a paste: all of its lines. */
    async whole(answer: string): Promise<string> {
      if (!isCut) return answer;
      if (pasting) {
        raw.setRawMode?.(true);
        input.resume();
        await untilEnd();
        raw.setRawMode?.(false);
        input.pause();
      }
      const [first = ''] = pasted.split('\n', 1);
      const lines = pasted.replace(/\n$/, '').includes('\n') ? pasted : first;
      return answer.slice(0, answer.length - first.length) + lines;
    },
    end(): void {
      input.off('keypress', onKey);
      if (output.writable) output.write('\u001b[?2004l');
    },
  };
};
