import { MobiusError } from '../errors.ts';
import type { Io } from '../io.ts';
import { shellLine } from '../platform.ts';
import type { Globals } from './command.ts';

/** Whoever keeps the key may have to be asked over a network; nobody waits for them for ever. */
const limitMs = 30_000;
/** A key is short: what prints more prints something else. */
const mostCharacters = 4096;

const source = 'the key command';

const failed = (how: string): MobiusError =>
  new MobiusError('locked', `${source} ${how}`, {}, 'try it alone: it must print the key and end with code 0');

/** What the command prints, run by the shell as its user would run it; what it says on stderr is for the person. */
const printed = (io: Io, command: string): Promise<string> =>
  new Promise((done, fail) => {
    const { program, args, ...how } = shellLine(io, command);
    const child = io.spawn(program, args, { ...how, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    const end = (error: MobiusError): void => {
      child.kill('SIGKILL');
      // Whatever it left running may hold the pipe open.
      child.stdout?.destroy();
      fail(error);
    };
    const timer = setTimeout(() => end(failed(`printed no key within ${limitMs / 1000} seconds`)), limitMs);
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.length > mostCharacters) end(failed('prints more than a key'));
    });
    child.on('error', () => end(failed("can't be run")));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) done(text);
      else fail(failed(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));
    });
  });

/** The key that the line or the environment names, in other ways than by its file. */
export const namedKey = (io: Io, { keyCommand }: Globals): { source: string; read(): Promise<string> } | undefined => {
  const { MOBIUS_VAULT_KEY: text } = io.env;
  if (text) return { source: 'MOBIUS_VAULT_KEY', read: async () => text };
  return keyCommand === undefined ? undefined : { source, read: () => printed(io, keyCommand) };
};
