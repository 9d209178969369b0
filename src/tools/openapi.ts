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

/** What RFC 6749 and RFC 8628 say an error looks like. */
const oauthError = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'string', description: 'what went wrong, for a program' },
    error_description: { type: 'string', description: 'what went wrong, for a person' },
  },
};

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request under the same key is done once; its answer is given again for a day.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const inPath = ({ path }: Described, name: string): boolean => path.includes(`{${name}}`);
const isRepeatable = ({ access, scope, repeatable }: Described): boolean =>
  access === 'write' && scope !== 'public' && repeatable !== true;
const hasBody = ({ method }: Described): boolean => method === 'POST' || method === 'PATCH';

const parameter = (operation: Described, name: string, property: Schema, required: boolean, models: Models): Json => {
  const { description, 'x-header': _, ...schema } = placed(property, models);
  const header = operation.headers?.[name];
  return {
    name: header ?? name,
    in: header === undefined ? (inPath(operation, name) ? 'path' : 'query') : 'header',
    required: inPath(operation, name) || required,
    description: description ?? resolve(property, models).description,
    schema,
  };
};

const inputParts = (operation: Described, models: Models): Json => {
  const { properties, required } = propertiesOf(operation.input, models);
  const all = Object.entries(properties);
  const isOutside = (name: string): boolean =>
    inPath(operation, name) || operation.headers?.[name] !== undefined || !hasBody(operation);
  const outside = all.filter(([name]) => isOutside(name));
  const inside = all.filter(([name]) => !isOutside(name));
  const needed = inside.map(([name]) => name).filter((name) => required.includes(name));
  const body: Schema = refusing({
    type: 'object',
    ...(needed.length === 0 ? {} : { required: needed }),
    properties: Object.fromEntries(inside.map(([name, property]) => [name, placed(property, models)])),
  });
  const parameters = [
    ...outside.map(([name, property]) => parameter(operation, name, property, required.includes(name), models)),
    ...(isRepeatable(operation) ? [idempotencyKey] : []),
  ];
  const type = operation.wire === 'oauth' ? 'application/x-www-form-urlencoded' : 'application/json';
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(inside.length === 0
      ? {}
      : { requestBody: { required: needed.length > 0, content: { [type]: { schema: body } } } }),
  };
};

const pathItem = (operation: Described, models: Models): Json => {
  const { name, noun, summary, description, permission, interactive, byToken, scope, wire, status, output } = operation;
  const needs = permission === undefined ? undefined : `Needs the permission \`${permission}\`.`;
  const person = interactive === true ? 'Needs a person who is logged in: an API key is refused.' : undefined;
  const token = byToken === false ? 'A short-lived token is refused.' : undefined;
  const text = [description, needs, person, token].filter((part) => part !== undefined).join('\n\n');
  return {
    operationId: name,
    tags: [noun],
    summary,
    ...(text === '' ? {} : { description: text }),
    ...(scope === 'public' ? { security: [] } : {}),
    ...inputParts(operation, models),
    responses: {
      [status]:
        output === undefined
          ? { description: 'done' }
          : { description: 'done', content: { 'application/json': { schema: placed(output, models) } } },
      default: { $ref: `#/components/responses/${wire === 'oauth' ? 'OAuthError' : 'Error'}` },
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
        OAuthError: { description: 'not done', content: { 'application/json': { schema: oauthError } } },
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
