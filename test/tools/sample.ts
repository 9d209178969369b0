import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll } from 'vitest';

export const root = resolve(import.meta.dirname, '../..');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder with these files; what is no text is written as JSON. It goes when the test file is done. */
export const folderWith = (files: Readonly<Record<string, unknown>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-tools-'));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
};

const model = (title: string, schema: object): object => ({ title, ...schema });

/** A small product: cats, and what they wear. */
export const sample = {
  'models/error.json': model('Error', { type: 'object', properties: { error: { type: 'object' } } }),
  'models/handle.json': model('Handle', { type: 'string', format: 'handle', description: 'a handle' }),
  'models/name.json': model('Name', {
    type: 'string',
    format: 'name',
    minLength: 1,
    maxLength: 128,
    description: 'a name',
  }),
  'models/colour.json': model('Colour', { type: 'string', enum: ['black', 'white'], description: 'of the fur' }),
  'models/tags.json': model('Tags', {
    type: 'object',
    maxProperties: 8,
    propertyNames: { format: 'tag-key' },
    additionalProperties: { type: 'string', format: 'tag-value' },
    description: 'up to 8',
  }),
  'models/cat.json': model('Cat', {
    type: 'object',
    required: ['id', 'born_at'],
    properties: {
      id: { type: 'string', description: 'cat_…' },
      colour: { $ref: 'colour.json' },
      lives: { type: 'integer', description: 'left' },
      born_at: { type: 'string', format: 'date-time', description: 'when' },
      friends: { type: 'array', items: { type: 'string' }, description: 'ids' },
      tags: { $ref: 'tags.json' },
    },
  }),
  'models/cat-adopted.json': model('CatAdopted', {
    allOf: [
      { $ref: 'cat.json' },
      {
        type: 'object',
        required: ['chip'],
        properties: { chip: { type: 'string', description: 'once', 'x-secret': true } },
      },
    ],
  }),
  'cats/adopt.json': {
    $schema: '../operation.schema.json',
    operation: 'cats.adopt',
    summary: 'adopt a cat',
    http: 'POST /v1/projects/{project}/cats',
    status: 201,
    access: 'write',
    permission: 'zoo.cats.adopt',
    input: {
      type: 'object',
      required: ['name', 'colour'],
      properties: {
        name: { $ref: '../models/name.json', description: "the cat's, for good" },
        colour: { $ref: '../models/colour.json', default: 'black' },
        lives: { type: 'integer', minimum: 1, maximum: 9, description: 'how many' },
        indoor: { type: 'boolean', description: 'stays in' },
        born_at: { type: 'string', format: 'date-time', description: 'when' },
        friends: {
          type: 'array',
          items: { $ref: '../models/name.json' },
          uniqueItems: true,
          minItems: 1,
          maxItems: 3,
          description: 'by name',
        },
        moods: { type: 'array', items: { enum: ['calm', 'wild'], type: 'string' }, description: 'as seen' },
        tags: { $ref: '../models/tags.json' },
        notes: { type: 'object', minProperties: 1, additionalProperties: true, description: 'of your own' },
        collar: {
          type: 'object',
          required: ['size'],
          properties: { size: { type: ['integer', 'null'] }, label: { type: 'string', minLength: 2, maxLength: 1 } },
          description: 'what it wears',
        },
        pins: {
          type: 'object',
          propertyNames: { maxLength: 4 },
          minProperties: 2,
          additionalProperties: { type: 'string', maxLength: 3 },
          'x-secret': true,
          description: 'by door',
        },
        doors: {
          type: 'array',
          uniqueItems: true,
          minItems: 2,
          items: {
            type: 'object',
            properties: { pin: { type: 'string', maxLength: 4, 'x-secret': true, description: 'to open' } },
          },
          description: 'to go out by',
        },
      },
    },
    output: { $ref: '../models/cat-adopted.json' },
  },
  'cats/release.json': {
    $schema: '../operation.schema.json',
    operation: 'cats.release',
    summary: 'let a cat go',
    http: 'DELETE /v1/projects/{project}/cats/{id}',
    status: 204,
    access: 'write',
    input: {
      type: 'object',
      required: ['id'],
      properties: {
        id: { $ref: '../models/name.json', description: 'which' },
        force: { type: 'boolean', default: false, description: 'even if it sleeps' },
      },
    },
  },
  'cats/list.json': {
    $schema: '../operation.schema.json',
    operation: 'cats.list',
    summary: 'list cats',
    description: 'Sleeping ones too.',
    http: 'GET /v1/cats',
    status: 200,
    access: 'read',
    scope: 'caller',
    input: {
      type: 'object',
      properties: { colour: { $ref: '../models/colour.json', description: 'only these' } },
    },
    output: {
      type: 'object',
      required: ['items'],
      properties: { items: { type: 'array', items: { $ref: '../models/cat.json' }, description: 'what was found' } },
    },
  },
} as const satisfies Record<string, object>;

/** A `schemas` folder with the sample in it, changed where a test wants something else. */
export const sampleFolder = (changes: Readonly<Record<string, unknown>> = {}): string => {
  const folder = folderWith({ ...sample, ...changes });
  cpSync(join(root, 'schemas/operation.schema.json'), join(folder, 'operation.schema.json'));
  return folder;
};
