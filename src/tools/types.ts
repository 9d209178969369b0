import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { literal } from './literal.ts';
import { type Described, inOrder, type Schemas } from './read.ts';
import { innerOf, type Models, mapInner, type Schema } from './schema.ts';

const scalars: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
};

/** A model that is a plain text or number needs no name of its own; the others go by their title. */
const typeOf = (model: Schema): string =>
  (model.enum === undefined && typeof model.type === 'string' ? scalars[model.type] : undefined) ??
  model.title ??
  'unknown';

const kept = [
  'type',
  'enum',
  'const',
  'properties',
  'required',
  'items',
  'additionalProperties',
  'allOf',
  'description',
];

/** What json-schema-to-typescript needs: references as the types they make, defaults as optional properties. */
const typed = (schema: Schema, models: Models): Schema => {
  if (schema.$ref !== undefined) {
    const model = models.get(schema.$ref) ?? {};
    return { tsType: typeOf(model), description: schema.description ?? model.description ?? '' };
  }
  const plain: Schema = Object.fromEntries(Object.entries(schema).filter(([keyword]) => kept.includes(keyword)));
  const { properties = {}, required = [] } = schema;
  if (schema.properties !== undefined) {
    plain.required = required.filter((name) => properties[name]?.default === undefined);
  }
  const typedInside = mapInner(plain, (inner) => typed(inner, models));
  // What a list's items are is said where the list is described.
  const { description: _, ...items } = typedInside.items ?? {};
  return typedInside.items === undefined ? typedInside : { ...typedInside, items };
};

const options = {
  additionalProperties: false,
  bannerComment: '',
  ignoreMinAndMaxItems: true,
  style: { singleQuote: true, printWidth: 120 },
};

/** Comments of one sentence on one line. */
const tightened = (source: string): string => source.replace(/\/\*\*\n\s+\* ([^\n]*)\n\s+\*\//g, '/** $1 */').trim();

const declared = async (schema: Schema, name: string, models: Models): Promise<string> => {
  const { description, ...plain } = typed(schema, models);
  const source = tightened(await compile({ ...plain, title: name } as JSONSchema, name, options));
  if (!new RegExp(`^export (interface|type) ${name}\\b`).test(source) || /^export /m.test(source.slice(1))) {
    throw new Error(`the type "${name}" came out as more or other than itself:\n${source}`);
  }
  return description === undefined ? source : `/** ${description} */\n${source}`;
};

const pascal = (name: string): string =>
  name.replace(/(^|[.-])([a-z])/g, (_all, _before, letter: string) => letter.toUpperCase());

/** The models that the inputs and outputs of operations are made of, however deep. */
const reachable = ({ operations, models }: Schemas): string[] => {
  const found = new Set<string>();
  const visit = (schema: Schema): void => {
    if (schema.$ref !== undefined && !found.has(schema.$ref)) {
      found.add(schema.$ref);
      visit(models.get(schema.$ref) ?? {});
    }
    innerOf(schema).forEach(visit);
  };
  for (const { input, output } of operations) {
    visit(input);
    if (output !== undefined) visit(output);
  }
  return inOrder(found);
};

const outputType = ({ name, output }: Described, models: Models): string => {
  if (output === undefined) return 'void';
  return output.$ref === undefined ? `${pascal(name)}Output` : typeOf(models.get(output.$ref) ?? {});
};

/** `src/generated/types.ts`: the types of every model, input and output, and the table that joins them to names. */
export const typesFile = async (schemas: Schemas): Promise<string> => {
  const { models, operations } = schemas;
  const parts: string[] = [];
  for (const model of reachable(schemas)) {
    const schema = models.get(model) ?? {};
    if (typeOf(schema) === schema.title) parts.push(await declared(schema, schema.title, models));
  }
  for (const operation of operations) {
    parts.push(await declared(operation.input, `${pascal(operation.name)}Input`, models));
    if (operation.output !== undefined && operation.output.$ref === undefined) {
      parts.push(await declared(operation.output, `${pascal(operation.name)}Output`, models));
    }
  }
  const rows = operations.map(
    (operation) =>
      `  ${literal(operation.name)}: { input: ${pascal(operation.name)}Input; output: ${outputType(operation, models)} };`,
  );
  return `${parts.join('\n\n')}\n\nexport interface Operations {\n${rows.join('\n')}\n}\n`;
};
