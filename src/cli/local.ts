import { MobiusError } from '../errors.ts';
import type { LocalCommand } from './command.ts';
import { createContext } from './context.ts';
import { helpFor } from './find.ts';
import { argumentsOf, type Invocation, labelOf, refuseMissing } from './invocation.ts';
import { checkFields, openRenderer } from './show.ts';

/** Runs a command that is no operation. */
export const runLocal = async (invocation: Invocation, spec: LocalCommand): Promise<number> => {
  const { io, words, globals, extra, reader, product } = invocation;
  const args = spec.args ?? [];
  const count = spec.rest === undefined ? invocation.operands.length : args.length;
  const rest = invocation.operands.slice(count);
  const typed = argumentsOf({ operands: invocation.operands.slice(0, count), words }, args);
  const missing = args.filter((arg) => !typed.has(arg));
  if (spec.rest !== undefined && rest.length === 0) missing.push(spec.rest);
  refuseMissing(missing.filter(({ optional }) => optional !== true).map(labelOf), words);
  await checkFields(globals, undefined);
  if (globals.raw === true && spec.raw !== true) {
    const message = `"${words.join(' ')}" shows no answer of a server that could be raw`;
    throw new MobiusError('usage', message, {}, 'leave --raw out');
  }
  const render = await openRenderer(io, globals);
  const context = createContext(io, { globals, flags: extra, reader, help: helpFor(words) });
  const code = await spec.run({
    ...context,
    pick: async (list, question, from) =>
      (await import('./questions.ts')).pickRecord({ ...context, ...from, product }, list, question),
    args: Object.fromEntries([...typed].map(([arg, text]) => [arg.name, text])),
    rest,
    show: (value, oneTime) => {
      const text = render({ value, oneTime });
      if (text !== '') io.stdout.write(text);
    },
  });
  return code ?? 0;
};
