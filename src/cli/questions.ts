import { MobiusError } from '../errors.ts';
import type { Call, Name } from '../operations.ts';
import { type Item, plainText } from './answer.ts';
import type { Choice, Context, Field, OperationCommand } from './command.ts';
import { lineFor } from './find.ts';
import { argumentValue, type Values } from './input.ts';
import type { Invocation } from './invocation.ts';
import type { Product } from './product.ts';
import { listOf, recordsOf } from './records.ts';

export interface Asking {
  invocation: Pick<Invocation, 'io' | 'product' | 'globals' | 'reader'>;
  context: Context;
  operation: Name;
  fields: readonly Field[];
  /** What is asked about, where that is not what the line makes. */
  about?: string;
  /** Where records to choose from are. */
  open(): Promise<{ call: Call }>;
  project(): Promise<string>;
}

/** What was answered, and what has to be made before the answers hold. */
export interface Answers {
  values: Values;
  first: readonly ((call: Call) => Promise<void>)[];
}

/** `principal_id` asks for the principal, and `expires_at` when it expires. */
const titleOf = ({ name }: Field, { about }: Pick<Asking, 'about'>): string => {
  const said = name
    .replace(/_(id|at|seconds)$/, '')
    .replace(/_ids$/, 's')
    .replaceAll('_', ' ');
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}${about === undefined ? '' : ` of the ${about}`}`;
};

const nounOf = (operation: Name): string => {
  const [noun = ''] = operation.split('.');
  return noun.replace(/s$/, '').replaceAll('-', ' ');
};

const anotherOne = '\u0000new';
const never = '\u0000never';

const expiries: readonly Choice[] = [
  { value: '30d', name: 'in 30 days' },
  { value: '90d', name: 'in 90 days' },
  { value: '365d', name: 'in a year' },
  { value: anotherOne, name: 'at another time…' },
  { value: never, name: 'never' },
];

/** Why the server would refuse this value, as far as it can be told without one. */
const problemWith = async (
  product: Product,
  { operation, field, values }: { operation: Name; field: Field; values: Values },
): Promise<string | undefined> => {
  try {
    await product.validate(operation, values);
  } catch (error) {
    if (!(error instanceof MobiusError)) throw error;
    const { field: at, problem } = error.details;
    if (String(at).split('.')[0] === field.name && typeof problem === 'string') return `it ${problem}`;
  }
  return undefined;
};

const askText = async (asking: Asking, field: Field, values: Values): Promise<unknown> => {
  const { invocation, context, operation } = asking;
  const { product, reader, io } = invocation;
  const source = { reader, now: io.now() };
  const read = (typed: string): Promise<unknown> => argumentValue('it', field, typed, source);
  const isEmpty = (typed: string): boolean => typed.trim() === '';
  const check = async (typed: string): Promise<string | undefined> => {
    if (isEmpty(typed)) return field.required ? 'it is required' : undefined;
    try {
      const value = await read(typed.trim());
      return await problemWith(product, { operation, field, values: { ...values, [field.name]: value } });
    } catch (error) {
      if (error instanceof MobiusError) return error.message;
      throw error;
    }
  };
  const said = field.description === '' ? '' : ` (${field.description})`;
  const typed = await context.prompt.text(`${titleOf(field, asking)}${said}:`, { check });
  return isEmpty(typed) ? undefined : read(typed.trim());
};

const detailsOf = (item: Item): string =>
  [
    ...['subject', 'role_name', 'label', 'kind', 'state', 'status', 'step', 'owner'].map((name) =>
      plainText(item[name]),
    ),
    item.archived_at === undefined ? '' : 'archived',
  ]
    .filter((text) => text !== '')
    .join(', ');

const described = (item: Item): { description?: string } =>
  typeof item.description === 'string' && item.description !== '' ? { description: item.description } : {};

/** What a record is called by on a line, where that is not its id. */
const calledBy: Partial<Record<Name, string>> = {
  'api-keys.list': 'name',
  'principals.list': 'name',
  'projects.list': 'handle',
  'roles.list': 'name',
  'secrets.list': 'name',
  'secrets.list-versions': 'version',
  'users.list': 'email',
};

const choicesOf = (list: Name, records: readonly Item[]): Choice[] =>
  records.map((item) => {
    const value = plainText(item[calledBy[list] ?? 'id'] ?? item.id);
    const details = detailsOf(item);
    return { value, name: details === '' ? value : `${value}  (${details})`, ...described(item) };
  });

/** What to type where there is nothing to choose from. */
const nothingThere = (list: Name): MobiusError => {
  const [noun = ''] = list.split('.');
  return new MobiusError('usage', `there is no ${nounOf(list)} to choose from`, {}, `see: ${lineFor([noun])} --help`);
};

/** One record of a list, for a command that is no operation. */
export const pickRecord = async (
  { prompt, product, call, project }: Pick<Context, 'prompt'> & { product: Product; call: Call; project: string },
  list: Name,
  question: string,
): Promise<string> => {
  const records = (await recordsOf({ product, call, list }, { project })) ?? [];
  if (records.length === 0) throw nothingThere(list);
  return prompt.select(question, choicesOf(list, records));
};

const creatorOf = ({ operations }: Product, list: Name, field: Field): Name | undefined => {
  const name = list.replace(/\.list$/, '.create');
  return field.in === 'body' && field.kind === 'string' && name in operations && name !== list
    ? (name as Name)
    : undefined;
};

/** One that isn't there yet is made when every question was answered, so that giving up leaves nothing behind. */
const askForNew = async (asking: Asking, creator: Name): Promise<Answers & { name: string }> => {
  const { product } = asking.invocation;
  const { input: fields } = await product.fields(creator);
  const wanted = fields.filter(({ name, required }) => (required && name !== 'project') || name === 'role_ids');
  const { values, first } = await askFor(
    { ...asking, about: `new ${nounOf(creator)}`, operation: creator, fields },
    {},
    wanted,
  );
  const project = await asking.project();
  const make = async (call: Call): Promise<void> => {
    await call(creator, { ...values, project } as never);
    asking.context.say(`created ${nounOf(creator)} "${values.name}"`);
  };
  return { values, name: String(values.name), first: [...first, make] };
};

const askFromList = async (
  asking: Asking,
  { field, list, values }: { field: Field; list: Name; values: Values },
): Promise<Answers | undefined> => {
  const { invocation, context } = asking;
  const { call } = await asking.open();
  const about = {
    project: await asking.project(),
    ...(typeof values.secret === 'string' ? { secret: values.secret } : {}),
  };
  const records = await recordsOf({ product: invocation.product, call, list }, about);
  if (records === undefined) return undefined;
  const choices = choicesOf(list, records);
  const question = field.name === 'id' ? `Which ${nounOf(list)}:` : `${titleOf(field, asking)}:`;
  if (field.kind === 'strings') {
    if (choices.length === 0) throw nothingThere(list);
    const chosen = await context.prompt.several(question, choices, { filled: field.required });
    return { values: chosen.length === 0 ? {} : { [field.name]: chosen }, first: [] };
  }
  const creator = creatorOf(invocation.product, list, field);
  if (creator === undefined && choices.length === 0) throw nothingThere(list);
  const offered =
    creator === undefined ? choices : [...choices, { value: anotherOne, name: 'another one, to be made…' }];
  const chosen = choices.length === 0 ? anotherOne : await context.prompt.select(question, offered);
  if (creator === undefined || chosen !== anotherOne) {
    const source = { reader: invocation.reader, now: invocation.io.now() };
    return { values: { [field.name]: await argumentValue('it', field, chosen, source) }, first: [] };
  }
  if (choices.length === 0) context.say(`there is no ${nounOf(list)} yet: this makes one`);
  const { name, first } = await askForNew(asking, creator);
  return { values: { [field.name]: name }, first };
};

const askExpiry = async (asking: Asking, field: Field, values: Values): Promise<unknown> => {
  const { invocation, context } = asking;
  const chosen = await context.prompt.select(`${titleOf(field, asking)}:`, expiries);
  if (chosen === never) return undefined;
  if (chosen === anotherOne) return askText(asking, field, values);
  return argumentValue('it', field, chosen, { reader: invocation.reader, now: invocation.io.now() });
};

const askOne = async (asking: Asking, field: Field, values: Values): Promise<Answers> => {
  const { prompt } = asking.context;
  const one = (value: unknown): Answers => ({ values: value === undefined ? {} : { [field.name]: value }, first: [] });
  if (field.kind === 'boolean') return one(await prompt.confirm(`${titleOf(field, asking)}:`, false));
  if (field.enum !== undefined && field.kind === 'string') {
    return one(
      await prompt.select(
        `${titleOf(field, asking)}:`,
        field.enum.map((value) => ({ value, name: value })),
      ),
    );
  }
  if (field.kind === 'time' && !field.required) return one(await askExpiry(asking, field, values));
  const list = listOf(asking.invocation.product, asking.operation, field);
  const answered = list === undefined ? undefined : await askFromList(asking, { field, list, values });
  return answered ?? one(await askText(asking, field, values));
};

/** Asks for each of these fields, one after another. */
export const askFor = async (asking: Asking, given: Values, wanted: readonly Field[]): Promise<Answers> => {
  const { product } = asking.invocation;
  // What can't be reached is told before anybody has typed something.
  if (wanted.some((field) => listOf(product, asking.operation, field) !== undefined)) await asking.open();
  let answers: Answers = { values: { ...given }, first: [] };
  for (const field of wanted) {
    const { values, first } = await askOne(asking, field, answers.values);
    answers = { values: { ...answers.values, ...values }, first: [...answers.first, ...first] };
  }
  return answers;
};

/** The fields that a person is asked for: what is required and missing, and then what the command offers. */
export const wantedOf = (spec: OperationCommand, fields: readonly Field[], typed: Values): readonly Field[] => {
  const named = spec.flags as Readonly<Record<string, { optional?: true } | undefined>> | undefined;
  const args = (spec.args ?? []).filter((arg) => arg.optional !== true).map((arg): string => arg.name);
  const isMissing = ({ name }: Field): boolean => typed[name] === undefined && name !== 'project';
  const required = fields.filter(
    (field) =>
      isMissing(field) && (field.required || args.includes(field.name)) && named?.[field.name]?.optional !== true,
  );
  if (required.length === 0) return [];
  const offered = fields.filter((field) => isMissing(field) && spec.offers?.some((name) => name === field.name));
  return [...required, ...offered.filter((field) => !required.includes(field))];
};
