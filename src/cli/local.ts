import type { Argument, LocalCommand } from './command.ts';
import { createContext } from './context.ts';
import { helpFor } from './find.ts';
import { argumentsOf, type Invocation, labelOf, refuseMissing } from './invocation.ts';
import { checkFields, openRenderer } from './show.ts';

/** Runs a command that is no operation. */
export const runLocal = async (invocation: Invocation, spec: LocalCommand): Promise<number> => {
  const { io, words, globals, extra, reader } = invocation;
  const args = spec.args ?? [];
  const single = args.filter((arg) => arg.rest !== true);
  const [operands, rest] = [invocation.operands.slice(0, single.length), invocation.operands.slice(single.length)];
  const typed = argumentsOf(single.length < args.length ? { operands, words } : invocation, single);
  const isThere = (arg: Argument): boolean => (arg.rest === true ? rest.length > 0 : typed.has(arg));
  refuseMissing(args.filter((arg) => arg.optional !== true && !isThere(arg)).map(labelOf), words);
  await checkFields(globals, undefined);
  const render = await openRenderer(io, globals);
  const code = await spec.run({
    ...createContext(io, { globals, flags: extra, reader, help: helpFor(words) }),
    args: Object.fromEntries([...typed].map(([arg, text]) => [arg.name, text])),
    rest,
    show: (value, oneTime) => {
      const text = render({ value, oneTime });
      if (text !== '') io.stdout.write(text);
    },
  });
  return code ?? 0;
};
