import { MobiusError } from '../errors.ts';
import type { OperationCommand } from './command.ts';
import { type Invocation, labelOf } from './invocation.ts';

/** What a person calls each property of the input: the flag, or the argument where that is how it was given. */
export type Names = ReadonlyMap<string, string>;

export const namesOf = ({ flags, operands }: Invocation, { args = [] }: OperationCommand): Names => {
  const names = new Map<string, string>();
  for (const flag of flags) {
    if (flag.field !== undefined && flag.hidden !== true) names.set(flag.field.name, `--${flag.name}`);
  }
  for (const [at, arg] of args.entries()) {
    if (arg.optional !== true || at < operands.length) names.set(arg.name, labelOf(arg));
  }
  return names;
};

/** `role_ids.0` is the first entry of --role-ids, `tags.env` the entry "env" of --tag. */
const said = (field: string, names: Names): string | undefined => {
  const [top = '', ...inner] = field.split('.');
  const name = names.get(top);
  if (name === undefined || inner.length === 0) return name;
  const [first = ''] = inner;
  return /^\d+$/.test(first) ? `entry ${Number(first) + 1} of ${name}` : `"${inner.join('.')}" in ${name}`;
};

const hintOf = ({ hint }: MobiusError, takes: unknown, names: Names): string | undefined =>
  Array.isArray(takes) && takes.length > 0
    ? `it takes: ${takes.map((field) => names.get(String(field)) ?? field).join(', ')}`
    : hint;

/** An error that names a property of the input, in the words of the command line. */
export const reworded = (error: unknown, names: Names): unknown => {
  if (!(error instanceof MobiusError) || !['invalid_input', 'unsupported'].includes(error.code)) return error;
  const { field, problem } = error.details;
  if (typeof field !== 'string' || typeof problem !== 'string' || problem === 'unknown') return error;
  const name = said(field, names);
  const { takes } = error.details;
  // A duration was typed with its unit, or could have been.
  const unit = field.endsWith('_seconds') && /^must be at (least|most) \d+$/.test(problem) ? ' seconds' : '';
  return name === undefined
    ? error
    : new MobiusError(error.code, `${name} ${problem}${unit}`, error.details, hintOf(error, takes, names));
};
