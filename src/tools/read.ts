import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { formats } from '../formats.ts';
import type { Operation } from '../operations.ts';
import { holdsSecret, inline, innerOf, type Models, mapInner, propertiesOf, type Schema } from './schema.ts';

/** One file of `schemas/<noun>/`, with what the generator adds to it. */
export interface Described extends Operation {
  name: string;
  noun: string;
  verb: string;
  description?: string;
  input: Schema;
  output?: Schema;
}

export interface Schemas {
  models: Models;
  operations: readonly Described[];
  nouns: readonly string[];
}

interface OperationFile {
  operation: string;
  summary: string;
  description?: string;
  http: string;
  status: 200 | 201 | 204;
  access: Operation['access'];
  permission?: string;
  scope?: Operation['scope'];
  interactive?: true;
  byToken?: false;
  repeatable?: true;
  wire?: 'oauth';
  input: Schema;
  output?: Schema;
}

/** Sorted by code unit: the same on every machine, whatever its language. */
export const inOrder = (names: Iterable<string>): string[] => [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
};

const jsonFiles = (folder: string): string[] => {
  const stems = readdirSync(folder).flatMap((file) => (file.endsWith('.json') ? [basename(file, '.json')] : []));
  return inOrder(stems).map((stem) => join(folder, `${stem}.json`));
};

/** References name files; from here on they name models. */
const withModelNames = (schema: Schema, file: string, modelsFolder: string): Schema => {
  const named = mapInner(schema, (inner) => withModelNames(inner, file, modelsFolder));
  if (schema.$ref === undefined) return named;
  const target = resolve(dirname(file), schema.$ref);
  if (dirname(target) !== modelsFolder || !target.endsWith('.json') || !existsSync(target)) {
    throw new Error(`${file}: no model file at "${schema.$ref}"`);
  }
  return { ...named, $ref: basename(target, '.json') };
};

const readModels = (folder: string): Models => {
  const models = new Map<string, Schema>();
  const titles = new Set<string>();
  for (const file of jsonFiles(folder)) {
    const model = withModelNames(readJson(file) as Schema, file, folder);
    if (!/^[A-Z][A-Za-z0-9]*$/.test(model.title ?? ''))
      throw new Error(`${file}: "title" must be a name such as ApiKey`);
    if (titles.has(model.title ?? '')) throw new Error(`${file}: another model has the title "${model.title}"`);
    titles.add(model.title ?? '');
    models.set(basename(file, '.json'), model);
  }
  return models;
};

/** A format without a predicate would be a check that never fails. */
const refuseUnknownFormats = (schema: Schema, file: string): void => {
  if (schema.format !== undefined && formats[schema.format] === undefined) {
    throw new Error(`${file}: no format "${schema.format}" in src/formats.ts`);
  }
  for (const inner of innerOf(schema)) refuseUnknownFormats(inner, file);
};

const withProject = (input: Schema, path: string): Schema =>
  path.includes('{project}')
    ? {
        ...input,
        properties: {
          project: { $ref: 'handle', default: 'default', description: 'the project it is about' },
          ...input.properties,
        },
      }
    : input;

const headersOf = (properties: Readonly<Record<string, Schema>>): Record<string, string> | undefined => {
  const carried = Object.entries(properties).flatMap(([name, property]) => {
    const header = property['x-header'];
    return typeof header === 'string' ? [[name, header] as const] : [];
  });
  return carried.length === 0 ? undefined : Object.fromEntries(carried);
};

const describe = (file: string, source: OperationFile, modelsFolder: string, models: Models): Described => {
  const noun = basename(dirname(file));
  const verb = basename(file, '.json');
  const fail = (problem: string): never => {
    throw new Error(`${file}: ${problem}`);
  };
  if (source.operation !== `${noun}.${verb}`) fail(`"operation" must be "${noun}.${verb}", as its path says`);
  const [method, path] = source.http.split(' ') as [Operation['method'], string];
  const inProject = path.includes('{project}');
  if (!inProject && source.scope === undefined) fail('"scope" is needed where the path has no {project}');
  if ((source.status === 204) !== (source.output === undefined)) fail('status 204 goes with no "output", and only it');
  if (method === 'GET' && source.access !== 'read') fail('a GET never changes anything');

  const input = withProject(withModelNames(source.input, file, modelsFolder), path);
  const { properties, required } = propertiesOf(input, models);
  for (const name of required) if (properties[name] === undefined) fail(`"${name}" is required but not described`);
  for (const [, name = ''] of path.matchAll(/\{(\w+)\}/g)) {
    if (properties[name] === undefined) fail(`the path names {${name}}, the input doesn't`);
    if (name !== 'project' && !required.includes(name)) fail(`{${name}} stands in the path, so it is required`);
  }

  const { operation: name, summary, status, access } = source;
  const scope = source.scope ?? 'project';
  const described: Described = { name, noun, verb, summary, method, path, status, access, scope, input };
  if (source.description !== undefined) described.description = source.description;
  if (source.permission !== undefined) described.permission = source.permission;
  if (source.interactive !== undefined) described.interactive = source.interactive;
  if (source.byToken !== undefined) described.byToken = source.byToken;
  if (source.repeatable !== undefined) described.repeatable = source.repeatable;
  if (source.wire !== undefined) described.wire = source.wire;
  const headers = headersOf(properties);
  if (headers !== undefined) described.headers = headers;
  if (source.output === undefined) return described;
  described.output = withModelNames(source.output, file, modelsFolder);
  if (holdsSecret(inline(described.output, models))) described.oneTime = true;
  return described;
};

/** Reads and checks all of a `schemas` folder. Throws with the file's name at the first thing that is wrong. */
export const readSchemas = (folder: string): Schemas => {
  const modelsFolder = resolve(folder, 'models');
  const models = readModels(modelsFolder);
  for (const [name, model] of models) refuseUnknownFormats(model, `models/${name}.json`);
  const ajv = new Ajv2020({ allowUnionTypes: true });
  const isOperation = ajv.compile<OperationFile>(readJson(join(folder, 'operation.schema.json')) as object);

  const operations: Described[] = [];
  const nouns = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'models')
    .map((entry) => entry.name);
  for (const noun of inOrder(nouns)) {
    for (const file of jsonFiles(resolve(folder, noun))) {
      const source = readJson(file);
      if (!isOperation(source)) throw new Error(`${file}: ${ajv.errorsText(isOperation.errors, { dataVar: 'it' })}`);
      refuseUnknownFormats(source.input, file);
      operations.push(describe(file, source, modelsFolder, models));
    }
  }
  return { models, operations, nouns: [...new Set(operations.map((operation) => operation.noun))] };
};
