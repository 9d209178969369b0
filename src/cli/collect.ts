import { MobiusError } from '../errors.ts';
import type { Context, Field, OperationCommand } from './command.ts';
import { readBody } from './files.ts';
import type { Known } from './flags.ts';
import { argumentValue, inputFromFlags, sharedValue, type Values } from './input.ts';
import { argumentsOf, type Invocation, labelOf, refuseMissing } from './invocation.ts';
import type { Target } from './profiles.ts';
import type { Answers } from './questions.ts';
import { visible } from './visible.ts';
import type { Names } from './words.ts';

type Spec = OperationCommand;

const fromArguments = async (invocation: Invocation, spec: Spec, { fields }: Known): Promise<Values> => {
  const { io, given, reader } = invocation;
  const values: Values = {};
  for (const [arg, text] of argumentsOf(invocation, spec.args ?? [])) {
    const field = fields.input.find((one) => one.name === arg.name);
    if (field === undefined) continue;
    if (given.some(({ flag }) => flag.field === field)) {
      throw new MobiusError('usage', `${labelOf(arg)} is given twice: as an argument and as a flag`);
    }
    values[field.name] = await argumentValue(labelOf(arg), field, text, { reader, now: io.now() });
  }
  return values;
};

/** The body that `--file` holds; nothing where it isn't given. */
const fromFile = async (
  { given, reader }: Invocation,
  { bare }: Spec,
  body: readonly Field[],
  { note }: Context,
): Promise<Values> => {
  const path = sharedValue(given, 'file');
  if (path === undefined) return {};
  const known = body.map((field) => field.name);
  const { value, isBare } = await readBody(reader, path, known, bare);
  if (isBare) {
    const names = Object.keys(value).map(visible).join(', ');
    note(`took ${path === '-' ? 'standard input' : `"${path}"`} as the ${bare}: ${names}`);
  }
  return isBare && bare !== undefined ? { [bare]: value } : value;
};

interface Collecting {
  spec: Spec;
  known: Known;
  names: Names;
  context: Context;
  assumed: Values;
  open(): Promise<Target>;
}

/** Whoever sits at a terminal is asked for what is missing. */
const askForMissing = async (
  invocation: Invocation,
  { spec, known, context, open }: Collecting,
  typed: Values,
): Promise<Answers> => {
  const { io, product, globals } = invocation;
  const fields = known.fields.input;
  if (!context.prompt.possible) return { values: typed, first: [] };
  const { askFor, wantedOf } = await import('./questions.ts');
  const project = (): Promise<string> => product.projectOf(io, globals);
  const asking = { invocation, context, operation: spec.operation, fields, open, project };
  return askFor(asking, typed, wantedOf(spec, fields, typed));
};

/**
 * The whole input of the call: what the server takes for granted, file, flags and arguments, the later winning, what is
 * missing asked for, then completed by the command itself.
 */
export const collect = async (invocation: Invocation, collecting: Collecting): Promise<Answers> => {
  const { spec, known, names, context, assumed } = collecting;
  const { io, given, reader, words, product, globals } = invocation;
  const fields = known.fields.input;
  const body = fields.filter((field) => field.in === 'body');
  const { values: typed, first } = await askForMissing(invocation, collecting, {
    ...assumed,
    ...(await fromFile(invocation, spec, body, context)),
    ...(await inputFromFlags(given, { reader, now: io.now() })),
    ...(await fromArguments(invocation, spec, known)),
  });
  const missingOf = (input: Values, required: readonly string[]): string[] =>
    required.filter((name) => input[name] === undefined).map((name) => names.get(name) ?? name);
  const toBeTyped = (spec.args ?? []).filter((arg) => arg.optional !== true).map((arg) => arg.name);
  const required = fields.filter((field) => field.required).map((field) => field.name);
  // What the command completes by itself may still be missing here.
  refuseMissing(missingOf(typed, spec.prepare === undefined ? [...toBeTyped, ...required] : toBeTyped), words);
  const input: Values = spec.prepare === undefined ? typed : { ...(await spec.prepare(typed as never, context)) };
  refuseMissing(missingOf(input, required), words);
  if (input.project === undefined && fields.some((field) => field.name === 'project')) {
    input.project = await product.projectOf(io, globals);
  }
  return { values: input, first };
};

/** A PATCH that changes nothing is a mistake: most likely a flag was forgotten. */
export const refuseNoChange = ({ flags }: Invocation, { fields, operation }: Known, input: Values): void => {
  const modifiers = flags.flatMap(({ field, modifies }) => (modifies === true && field !== undefined ? [field] : []));
  const body = fields.input.filter((field) => field.in === 'body' && !modifiers.includes(field));
  if (operation.method !== 'PATCH' || body.some((field) => input[field.name] !== undefined)) return;
  const own = flags.filter(
    ({ from, hidden, modifies }) => from !== 'global' && from !== 'shared' && !hidden && !modifies,
  );
  const changes = own.map((flag) => `--${flag.name}`);
  throw new MobiusError('usage', 'nothing to change', {}, `give at least one of ${changes.join(', ')}`);
};
