import type { Field, Fields, Shown } from '../cli/command.ts';
import type { Operation } from '../operations.ts';
import { Code, literal } from './literal.ts';
import type { Described, Schemas } from './read.ts';
import { type Models, propertiesOf, resolve, type Schema } from './schema.ts';

/** `src/generated/operations.ts`: what the server, the door and the command line ask of an operation. */
export const operationsFile = ({ operations }: Schemas): string => {
  const table = Object.fromEntries(
    operations.map(({ name, noun: _noun, verb: _verb, description: _, input: _input, output: _output, ...row }) => [
      name,
      row satisfies Operation,
    ]),
  );
  return (
    "import type { Name, Operation } from '../operations.ts';\n\n" +
    `export const operations: Readonly<Record<Name, Operation>> = ${literal(table)};\n`
  );
};

const scalarKind = (schema: Schema): 'string' | 'integer' | 'boolean' | 'time' | undefined => {
  if (schema.type === 'integer' || schema.type === 'boolean') return schema.type;
  if (schema.type === 'string') return schema.format === 'date-time' ? 'time' : 'string';
  return undefined;
};

const isStrings = (schema: Schema, models: Models): boolean =>
  schema.type === 'array' && schema.items !== undefined && resolve(schema.items, models).type === 'string';

const inputKind = (name: string, property: Schema, models: Models): Field['kind'] => {
  if (property.$ref === 'tags') return 'tags';
  const schema = resolve(property, models);
  if (schema.format === timeOrNever) return 'time';
  if (schema.type === 'integer' && name.endsWith('_seconds')) return 'duration';
  return scalarKind(schema) ?? (isStrings(schema, models) ? 'strings' : 'json');
};

const shownKind = (property: Schema, models: Models): Shown['kind'] => {
  const schema = resolve(property, models);
  return scalarKind(schema) ?? (isStrings(schema, models) ? 'strings' : 'object');
};

const choices = (schema: Schema, models: Models): readonly string[] | undefined => {
  const { items } = schema;
  const found = schema.enum ?? (items === undefined ? undefined : resolve(items, models).enum);
  return found?.every((choice) => typeof choice === 'string') === true ? (found as readonly string[]) : undefined;
};

const timeOrNever = 'time-or-never';

const inputFields = ({ name: operation, method, path, input }: Described, models: Models): Field[] => {
  const { properties, required } = propertiesOf(input, models);
  return Object.entries(properties).map(([name, property]) => {
    const schema = resolve(property, models);
    if (schema.description === undefined)
      throw new Error(`${operation}: "${name}" needs a description: it is the help`);
    const rest = method === 'GET' || method === 'DELETE' ? 'query' : 'body';
    const field: Field = {
      name,
      kind: inputKind(name, property, models),
      in: path.includes(`{${name}}`) ? 'path' : rest,
      required: required.includes(name) && schema.default === undefined,
      description: schema.description,
    };
    const known = choices(schema, models);
    if (known !== undefined) field.enum = known;
    if (schema.format === timeOrNever) field.never = true;
    if (Number(schema.minItems ?? 0) > 0) field.filled = true;
    if (schema['x-secret'] === true) field.secret = true;
    return field;
  });
};

const outputFields = (output: Schema, models: Models): NonNullable<Fields['output']> => {
  const { properties } = propertiesOf(output, models);
  const list = properties.items === undefined ? undefined : resolve(properties.items, models);
  const item = list?.type === 'array' ? list.items : undefined;
  const shown = item === undefined ? properties : propertiesOf(item, models).properties;
  return {
    list: item !== undefined,
    shown: Object.entries(shown).map(([name, property]) => ({ name, kind: shownKind(property, models) })),
  };
};

/** Everything that the command line knows of one operation's input and output. */
export const fieldsOfOperation = (operation: Described, models: Models): Fields => ({
  input: inputFields(operation, models),
  ...(operation.output === undefined ? {} : { output: outputFields(operation.output, models) }),
});

/** `src/generated/fields/<noun>.ts`. */
export const fieldsFile = (noun: string, { operations, models }: Schemas): string => {
  const table = Object.fromEntries(
    operations
      .filter((operation) => operation.noun === noun)
      .map((operation) => [operation.name, fieldsOfOperation(operation, models)]),
  );
  return (
    "import type { Fields } from '../../cli/command.ts';\n\n" +
    `export const fields: Readonly<Record<string, Fields>> = ${literal(table)};\n`
  );
};

/** A map from each noun to the file of that noun in a folder, loaded when it is asked for. */
export const lazyFile = (
  nouns: readonly string[],
  exported: { name: string; folder: string; extension: string; head: string; holds: string },
): string => {
  const { name, folder, extension, head, holds } = exported;
  const table = Object.fromEntries(
    nouns.map((noun) => [noun, new Code(`() => import('./${folder}/${noun}${extension}')`)]),
  );
  return `${head}\n\nexport const ${name}: Readonly<Record<Noun, () => Promise<${holds}>>> = ${literal(table)};\n`;
};
