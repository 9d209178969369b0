import { describe, expect, it } from 'vitest';
import { readSchemas } from '../../src/tools/read.ts';
import { inline } from '../../src/tools/schema.ts';
import { sample, sampleFolder } from './sample.ts';

const release = sample['cats/release.json'];
const input = (properties: object, required: readonly string[] = ['id']): object => ({
  type: 'object',
  required,
  properties: { id: { $ref: '../models/name.json' }, ...properties },
});

describe('reading the schemas', () => {
  it('takes method, path and scope from the file and adds the project of the path', () => {
    const { operations, nouns } = readSchemas(sampleFolder());
    expect(nouns).toEqual(['cats']);
    expect(operations.map(({ name }) => name)).toEqual(['cats.adopt', 'cats.list', 'cats.release']);
    const [adopt, list] = operations;
    expect(adopt).toMatchObject({ method: 'POST', path: '/v1/projects/{project}/cats', scope: 'project', status: 201 });
    expect(Object.keys(adopt?.input.properties ?? {})[0]).toBe('project');
    expect(adopt?.input.properties?.project).toMatchObject({ $ref: 'handle', default: 'default' });
    expect(list?.scope).toBe('caller');
    expect(list?.input.properties?.project).toBeUndefined();
  });

  it('sorts a verb before the longer verbs that begin with it', () => {
    const toy = { ...release, operation: 'cats.adopt-toy' };
    const { operations } = readSchemas(sampleFolder({ 'cats/adopt-toy.json': toy }));
    expect(operations.map(({ verb }) => verb).slice(0, 2)).toEqual(['adopt', 'adopt-toy']);
  });

  it.each<[string, string, unknown, RegExp]>([
    ['JSON that is none', 'cats/release.json', '{', /release\.json: .*JSON/],
    [
      'a name that is not its path',
      'cats/release.json',
      { ...release, operation: 'cats.free' },
      /must be "cats\.release"/,
    ],
    [
      'a property that no file has',
      'cats/release.json',
      { ...release, retries: 3 },
      /must NOT have additional properties/,
    ],
    ['a summary with a full stop', 'cats/release.json', { ...release, summary: 'let it go.' }, /summary must match/],
    [
      'a path outside projects without scope',
      'cats/release.json',
      { ...release, http: 'DELETE /v1/cats/{id}' },
      /"scope"/,
    ],
    ['an answer with 204', 'cats/release.json', { ...release, output: { type: 'object' } }, /status 204/],
    ['no answer with 200', 'cats/release.json', { ...release, status: 200 }, /status 204/],
    [
      'a GET that writes',
      'cats/release.json',
      { ...release, http: 'GET /v1/projects/{project}/cats/{id}' },
      /GET never/,
    ],
    [
      'a word of the path not described',
      'cats/release.json',
      { ...release, http: 'DELETE /v1/projects/{project}/{cat}' },
      /\{cat\}/,
    ],
    [
      'a word of the path not required',
      'cats/release.json',
      { ...release, input: input({}, []) },
      /\{id\} .* required/,
    ],
    [
      'a required property not described',
      'cats/release.json',
      { ...release, input: input({}, ['id', 'x']) },
      /"x" is required/,
    ],
    [
      'a reference to nothing',
      'cats/release.json',
      { ...release, input: input({ x: { $ref: '../models/dog.json' } }) },
      /dog\.json/,
    ],
    ['a reference out of the models', 'models/cat.json', { title: 'Cat', $ref: '../cats/list.json' }, /no model file/],
    [
      'a format that nothing checks',
      'cats/release.json',
      { ...release, input: input({ x: { type: 'string', format: 'colour' } }) },
      /"colour"/,
    ],
    [
      'a format of a model that nothing checks',
      'models/cat.json',
      { title: 'Cat', type: 'string', format: 'colour' },
      /"colour"/,
    ],
    ['a model without a type name', 'models/cat.json', { title: 'a cat', type: 'string' }, /"title"/],
    ['two models of one name', 'models/dog.json', { title: 'Cat', type: 'string' }, /another model/],
  ])('refuses %s', (_what, path, content, message) => {
    expect(() => readSchemas(sampleFolder({ [path]: content }))).toThrow(message);
  });
});

describe('references', () => {
  const models = new Map([
    ['name', { type: 'string', maxLength: 3, description: 'a name' }],
    ['loop', { type: 'object', properties: { again: { $ref: 'loop' } } }],
  ]);

  it('gives way to a description beside it', () => {
    expect(inline({ $ref: 'name', description: 'mine' }, models)).toEqual({
      type: 'string',
      maxLength: 3,
      description: 'mine',
    });
  });

  it('refuses a limit beside it, for one of the two would be lost', () => {
    expect(() => inline({ $ref: 'name', maxLength: 9 }, models)).toThrow('"maxLength" beside a reference to "name"');
  });

  it('refuses a model that holds itself', () => {
    expect(() => inline({ $ref: 'loop' }, models)).toThrow('the model "loop" refers to itself');
  });
});
