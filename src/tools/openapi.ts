import { type Described, inOrder, type Schemas } from './read.ts';
import { type Models, mapInner, propertiesOf, resolve, type Schema } from './schema.ts';

type Json = Record<string, unknown>;

const titleOf = (name: string, models: Models): string => models.get(name)?.title ?? name;

/** References into `components`; `$schema` and `title` say nothing there that the component's name doesn't. */
const placed = (schema: Schema, models: Models): Schema => {
  const { $schema: _, title: __, $ref, ...rest } = mapInner(schema, (inner) => placed(inner, models));
  return $ref === undefined ? rest : { $ref: `#/components/schemas/${titleOf($ref, models)}`, ...rest };
};

/** What a server refuses is refused here too; answers stay open, so that a later server may add to them. */
const refusing = (schema: Schema): Schema => {
  const inside = mapInner(schema, refusing);
  return inside.properties === undefined || inside.additionalProperties !== undefined
    ? inside
    : { ...inside, additionalProperties: false };
};

const inPath = ({ path }: Described, name: string): boolean => path.includes(`{${name}}`);
const hasBody = ({ method }: Described): boolean => method === 'POST' || method === 'PATCH';

const parameter = (operation: Described, name: string, property: Schema, required: boolean, models: Models): Json => {
  const { description, ...schema } = placed(property, models);
  return {
    name,
    in: inPath(operation, name) ? 'path' : 'query',
    required: inPath(operation, name) || required,
    description: description ?? resolve(property, models).description,
    schema,
  };
};

const inputParts = (operation: Described, models: Models): Json => {
  const { properties, required } = propertiesOf(operation.input, models);
  const all = Object.entries(properties);
  const outside = all.filter(([name]) => inPath(operation, name) || !hasBody(operation));
  const inside = all.filter(([name]) => !inPath(operation, name) && hasBody(operation));
  const needed = inside.map(([name]) => name).filter((name) => required.includes(name));
  const body: Schema = refusing({
    type: 'object',
    ...(needed.length === 0 ? {} : { required: needed }),
    properties: Object.fromEntries(inside.map(([name, property]) => [name, placed(property, models)])),
  });
  return {
    ...(outside.length === 0
      ? {}
      : {
          parameters: outside.map(([name, property]) =>
            parameter(operation, name, property, required.includes(name), models),
          ),
        }),
    ...(inside.length === 0
      ? {}
      : { requestBody: { required: needed.length > 0, content: { 'application/json': { schema: body } } } }),
  };
};

const pathItem = (operation: Described, models: Models): Json => {
  const { name, noun, summary, description, permission, status, output } = operation;
  const needs = permission === undefined ? undefined : `Needs the permission \`${permission}\`.`;
  const text = [description, needs].filter((part) => part !== undefined).join('\n\n');
  return {
    operationId: name,
    tags: [noun],
    summary,
    ...(text === '' ? {} : { description: text }),
    ...inputParts(operation, models),
    responses: {
      [status]:
        output === undefined
          ? { description: 'done' }
          : { description: 'done', content: { 'application/json': { schema: placed(output, models) } } },
      default: { $ref: '#/components/responses/Error' },
    },
  };
};

/** `schemas/openapi.json`: OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as ours are. */
export const openapiFile = ({ operations, models, nouns }: Schemas): string => {
  const paths: Record<string, Json> = {};
  for (const path of inOrder(new Set(operations.map((operation) => operation.path)))) {
    const here = operations.filter((operation) => operation.path === path);
    paths[path] = Object.fromEntries(
      here.map((operation) => [operation.method.toLowerCase(), pathItem(operation, models)]),
    );
  }
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'mobius',
      version: '1',
      description: 'API keys, principals, roles, secrets and short-lived tokens of a project.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: nouns.map((noun) => ({ name: noun })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'an API key, a session or a short-lived token' },
      },
      responses: {
        Error: {
          description: 'not done',
          content: { 'application/json': { schema: { $ref: `#/components/schemas/${titleOf('error', models)}` } } },
        },
      },
      schemas: Object.fromEntries([...models].map(([name, model]) => [titleOf(name, models), placed(model, models)])),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
};
