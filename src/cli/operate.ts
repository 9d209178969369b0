import type { Speech, Wording } from '../calls/speech.ts';
import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';
import { without } from './answer.ts';
import { collect, refuseNoChange } from './collect.ts';
import type { Context, FlagValues, OperationCommand } from './command.ts';
import { createContext } from './context.ts';
import { type Delivery, openDelivery } from './deliver.ts';
import { helpFor } from './find.ts';
import type { Known } from './flags.ts';
import { handOver } from './handover.ts';
import { sharedValue, type Values, withoutSecrets } from './input.ts';
import type { Invocation } from './invocation.ts';
import { nextPage } from './page.ts';
import { letGo, type Target } from './profiles.ts';
import type { Answers } from './questions.ts';
import { checkFields, idOf, openRenderer, type Renderer } from './show.ts';
import { namesOf, reworded } from './words.ts';

/** An operation command, whichever: what goes in was checked by `validate`, what comes out is what was asked for. */
type Spec = OperationCommand;

interface Running {
  invocation: Invocation;
  spec: Spec;
  known: Known;
  context: Context;
  render: Renderer;
  /** Where the target keeps another system's contract. */
  speech: Speech | undefined;
  held: Held;
  /** What is to be made before the call, as a person was asked. */
  first: Answers['first'];
}

/** The one target of a command, which a question may open before the call does. */
interface Held {
  open(): Promise<Target>;
  /** From here on whoever took it closes it. */
  take(): Promise<Target>;
  /** Closes what nobody took. */
  drop(): Promise<void>;
}

const holdTarget = ({ io, globals, product }: Invocation): Held => {
  let opened: Promise<Target> | undefined;
  const open = (): Promise<Target> => {
    opened ??= product.openTarget(io, globals);
    return opened;
  };
  return {
    open,
    async take() {
      const target = await open();
      opened = undefined;
      return target;
    },
    // Nothing was done with it, so there is nothing to be told either.
    drop: async () => (await opened?.catch(() => undefined))?.close().catch(() => undefined),
  };
};

const has = ({ given }: Invocation, name: string): boolean =>
  given.some(({ flag }) => flag.from === 'shared' && flag.name === name);

const expectsOneTime = ({ oneTime }: Spec, input: Values, flags: FlagValues): boolean =>
  oneTime !== undefined && (oneTime.expected?.(input as never, flags) ?? true);

/** Everything that can be wrong with what is to be shown, told while nothing was done yet. */
const checkShown = async (invocation: Invocation, spec: Spec, { fields }: Known, input: Values): Promise<void> => {
  const { globals, words } = invocation;
  const answered = (fields.output?.shown ?? []).map(({ name }) => name);
  await checkFields(globals, spec.show === undefined ? answered : spec.shown?.(input as never, answered));
  const file = sharedValue(invocation.given, 'out');
  if (!expectsOneTime(spec, input, invocation.extra)) {
    if (file === undefined || spec.inSteps !== undefined) return;
    throw new MobiusError('usage', 'nothing will be issued that --out could write', {}, `see: ${helpFor(words)}`);
  }
  const name = spec.oneTime?.field ?? 'key';
  if (file !== undefined || globals.fields?.includes(name) !== false) return;
  const message = `-F leaves out "${name}", which is shown only this once`;
  throw new MobiusError('usage', message, {}, `add ${name} to -F, or write it to a file with --out`);
};

const pathOf = (path: string, input: Values): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(input[name])));

const wordingOf = async (running: Running, input: Values): Promise<Wording> => {
  const { invocation, spec, known, context, speech } = running;
  if (speech !== undefined) {
    return speech.wording(spec.operation, { ...input, ...withoutSecrets(input, known.fields.input) });
  }
  const first = spec.inSteps?.first?.(input as never, context) ?? { operation: spec.operation, input };
  const { product } = invocation;
  const { input: fields } = await product.fields(first.operation);
  const { method, path } = product.operations[first.operation];
  return { method, path: pathOf(path, { ...input, ...first.input }), body: withoutSecrets(first.input, fields) };
};

const dryRun = async (running: Running, input: Values): Promise<number> => {
  const { io, globals } = running.invocation;
  const { method, path, body = {} } = await wordingOf(running, input);
  const { fields: _, ...whole } = globals;
  const render = await openRenderer(io, { ...whole, quiet: false });
  io.stdout.write(render({ value: body }));
  running.context.say(`would send ${method} ${path}; nothing was sent`);
  return 0;
};

const isConfirmed = async ({ invocation, spec, context }: Running, input: Values): Promise<boolean> => {
  if (spec.confirm === undefined || has(invocation, 'yes')) return true;
  const question = spec.confirm(input as never);
  if (question === undefined) return true;
  const name = spec.named?.(input as never);
  if (context.prompt.possible) {
    return name === undefined ? context.prompt.confirm(question, false) : context.prompt.named(question, name);
  }
  if (spec.goesOn === true) return true;
  throw new MobiusError('usage', `nobody can be asked to confirm: ${question}`, {}, 'add --yes');
};

/** Where the envelope of a list is not shown, a loop over its lines would take one page for all there is. */
const warnOfMore = (invocation: Invocation, output: unknown, context: Context): void => {
  const { globals } = invocation;
  const { next_cursor: cursor } = (output ?? {}) as { next_cursor?: string };
  if (cursor === undefined || !(globals.quiet || globals.output === 'text')) return;
  context.warn(`there are more: ${nextPage(invocation, cursor)}`);
};

/** What came back of a call, and what is done with it. */
interface Came {
  input: Values;
  output: unknown;
  call?: Call;
  delivery?: Delivery | undefined;
  /** The body as it came, where that is what is shown. */
  raw?: string | undefined;
}

const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** Shows what came back, the one-time value first and foremost. */
const present = async (
  { invocation, spec, known, context, render }: Running,
  { input, output, call, delivery, raw }: Came,
): Promise<number> => {
  const { io } = invocation;
  const oneTime = call === undefined ? undefined : spec.oneTime?.value(output as never);
  const shown = spec.show === undefined ? output : spec.show(output as never, input as never);
  const answer = {
    value: oneTime !== undefined && delivery !== undefined ? without(shown, oneTime) : shown,
    shape: spec.show === undefined ? known.fields.output : undefined,
    id: idOf(output),
    columns: spec.columns,
    more: (cursor: string) => nextPage(invocation, cursor),
    ...(oneTime === undefined || delivery !== undefined ? {} : { oneTime }),
  };
  const toStdout = (): void => {
    const text = raw === undefined ? render(answer) : ended(raw);
    if (text !== '') io.stdout.write(text);
  };
  if (call === undefined || spec.oneTime === undefined || oneTime === undefined) toStdout();
  else await handOver({ text: oneTime, toStdout, delivery }, { oneTime: spec.oneTime, call, output, input });
  warnOfMore(invocation, output, context);
  if (spec.done !== undefined) context.say(spec.done(output as never, input as never));
  if (oneTime !== undefined) {
    const what = `${spec.oneTime?.noun ?? 'key'}${oneTime.includes('\n') ? 's' : ''}`;
    context.say(
      delivery === undefined ? 'shown only this once: store it now' : `wrote the ${what} to "${delivery.path}"`,
    );
  }
  return spec.exit?.(output as never, context) ?? 0;
};

const refuseRaw = async ({ globals, given, product, io }: Invocation): Promise<void> => {
  if (globals.raw !== true) return;
  const { fields, quiet } = globals;
  const other = fields !== undefined ? '-F' : quiet ? '-q' : sharedValue(given, 'out') === undefined ? '' : '--out';
  if (other !== '') {
    throw new MobiusError('usage', `--raw and ${other} exclude each other`, {}, 'leave one of them out');
  }
  if (await product.isServer(io, globals)) return;
  const hint = 'leave --raw out; -o json has all fields';
  throw new MobiusError('usage', 'nothing comes over a wire from a local vault, so there is nothing raw', {}, hint);
};

const withTarget = async (
  running: Running,
  work: (target: Target, project: string) => Promise<number>,
): Promise<number> => {
  const { invocation, context, held, first } = running;
  const { io, globals, product } = invocation;
  const project = await product.projectOf(io, globals);
  const target = await held.take();
  context.debug(target.about);
  let code: number;
  try {
    for (const make of first) await make(target.call);
    code = await work(target, project);
  } catch (error) {
    // Of two failures the first is the one to tell.
    await target.close().catch(() => {});
    throw error;
  }
  await letGo(target, context.warn);
  return code;
};

const callAndPresent = async (running: Running, input: Values, delivery: Delivery | undefined): Promise<number> => {
  const { invocation, spec, context } = running;
  const { io, globals } = invocation;
  return withTarget(running, async ({ call, answered }) => {
    const began = io.now();
    const output = await call(spec.operation, input as never);
    context.debug(`${spec.operation} took ${io.now() - began} ms`);
    await spec.afterwards?.(output as never, input as never, context);
    const raw = globals.raw === true ? (answered?.() ?? '') : undefined;
    return present(running, { input, output, call, delivery, raw });
  });
};

const goInSteps = async (running: Running, input: Values, file: string | undefined): Promise<number> => {
  const { invocation, spec, known, context, render } = running;
  const { io, globals } = invocation;
  return withTarget(running, async ({ call, answered }, project) => {
    const show = (value: unknown, oneTime?: string): void => {
      const answer = {
        value,
        shape: spec.show === undefined ? known.fields.output : undefined,
        id: idOf(value),
        ...(oneTime === undefined ? {} : { oneTime }),
      };
      const text = globals.raw === true ? ended(answered?.() ?? '') : render(answer);
      if (text !== '') io.stdout.write(text);
    };
    const performing = { call, project, show, ...(file === undefined ? {} : { file }) };
    return (await spec.inSteps?.run(input as never, context, performing)) ?? 0;
  });
};

const carryOut = async (running: Running, input: Values): Promise<number> => {
  const { invocation, spec, known, context } = running;
  refuseNoChange(invocation, known, input);
  // What takes nothing, and is given nothing, needs no validators.
  if (known.fields.input.length > 0 || Object.keys(input).length > 0) {
    await invocation.product.validate(spec.operation, input);
  }
  running.speech?.check(spec.operation, input);
  if (running.speech !== undefined) spec.inSteps?.refuseAtOnce?.(running.context);
  await checkShown(invocation, spec, known, input);
  const answer = await spec.offline?.(input as never, context);
  if (answer !== undefined) return present(running, { input, output: answer });
  if (has(invocation, 'dry-run')) return dryRun(running, input);
  if (!(await isConfirmed(running, input))) {
    context.say('nothing was done');
    return 1;
  }
  const file = sharedValue(invocation.given, 'out');
  const { inSteps } = spec;
  const isInSteps = inSteps !== undefined && running.speech === undefined && inSteps.when?.(context) !== false;
  if (isInSteps) return goInSteps(running, input, file);
  const delivery = file === undefined ? undefined : openDelivery(invocation.io, file);
  try {
    return await callAndPresent(running, input, delivery);
  } finally {
    delivery?.discard();
  }
};

/** Runs an operation command from the line to the last byte shown. Gives the exit code. */
export const operate = async (invocation: Invocation, spec: Spec, known: Known): Promise<number> => {
  const { io, globals, extra, reader, words, product } = invocation;
  const names = namesOf(invocation, spec);
  const held = holdTarget(invocation);
  try {
    await refuseRaw(invocation);
    const speech = await product.speechFor(io, globals);
    speech?.check(spec.operation);
    const context = createContext(io, { globals, flags: extra, reader, help: helpFor(words) });
    const assumed = speech?.assumes(spec.operation) ?? {};
    const collecting = { spec, known, names, context, assumed, open: held.open };
    const { values, first } = await collect(invocation, collecting);
    for (const name of reader.unused()) context.warn(`--var ${name}: there is no such name in what was read`);
    const render = await openRenderer(io, globals);
    return await carryOut({ invocation, spec, known, context, render, speech, held, first }, values);
  } catch (error) {
    throw reworded(error, names);
  } finally {
    await held.drop();
  }
};
