import { MobiusError } from '../errors.ts';
import { type Io, SinkError } from '../io.ts';
import { traceOf } from '../trace.ts';
import { quotedControls, visible } from './visible.ts';

/** A line for a person. That nobody can read it is no reason to fail. */
export const tell = (io: Io, line: string): void => {
  try {
    io.stderr.write(`${visible(line)}\n`);
  } catch {}
};

export const asJson = (value: unknown): string => quotedControls(`${JSON.stringify(value, undefined, 2)}\n`);

const asMobiusError = (error: unknown): MobiusError => {
  if (error instanceof MobiusError) return error;
  if (error instanceof SinkError)
    return new MobiusError('internal', `could not write to standard output: ${error.message}`);
  const message = error instanceof Error ? error.message : String(error);
  return new MobiusError('internal', `internal error: ${message}`, {}, 'set MOBIUS_DEBUG=1 to see where it comes from');
};

/** A key that somebody typed where a name belongs must not end up in a log with the error about it. */
export const withoutKeys = (text: string): string => text.replace(/\b([a-z][a-z0-9_]{0,9}_)[0-9A-Za-z]{49}\b/g, '$1…');

const body = ({ code, message, hint, details }: MobiusError): unknown => ({
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
  ...(Object.keys(details).length === 0 ? {} : { details }),
});

const wasInterrupted = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError');

/** Tells a person, or in JSON mode a program, what went wrong. Gives the exit code. */
export const report = (io: Io, error: unknown, inJson: boolean): number => {
  if (wasInterrupted(error)) return 130;
  if (error instanceof SinkError && error.readerGone) return 1;
  const told = asMobiusError(error);
  if (inJson) {
    try {
      io.stderr.write(withoutKeys(asJson({ error: body(told) })));
    } catch {}
  } else {
    tell(io, withoutKeys(`mobius: error: ${told.message}`));
    if (told.hint !== undefined) tell(io, withoutKeys(`mobius: hint: ${told.hint}`));
  }
  if ((io.env.MOBIUS_DEBUG ?? '') !== '') {
    for (const line of traceOf(error).split('\n')) tell(io, withoutKeys(line));
  }
  return told.kind.exit;
};
