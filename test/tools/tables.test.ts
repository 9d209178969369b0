import { describe, expect, it } from 'vitest';
import { Code, literal } from '../../src/tools/literal.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { fieldsOfOperation, operationsFile } from '../../src/tools/tables.ts';
import { sample, sampleFolder } from './sample.ts';

const fieldsOf = (name: string, changes: Readonly<Record<string, unknown>> = {}) => {
  const schemas = readSchemas(sampleFolder(changes));
  const operation = schemas.operations.find((one) => one.name === name);
  if (operation === undefined) throw new Error(name);
  return fieldsOfOperation(operation, schemas.models);
};

describe('the fields of an operation', () => {
  it('names kind, place and need of each input property', () => {
    const { input } = fieldsOf('cats.adopt');
    expect(input.map((field) => [field.name, field.kind, field.in, field.required])).toEqual([
      ['project', 'string', 'path', false],
      ['name', 'string', 'body', true],
      ['colour', 'string', 'body', false],
      ['lives', 'integer', 'body', false],
      ['indoor', 'boolean', 'body', false],
      ['born_at', 'time', 'body', false],
      ['friends', 'strings', 'body', false],
      ['moods', 'strings', 'body', false],
      ['tags', 'tags', 'body', false],
      ['notes', 'json', 'body', false],
      ['collar', 'json', 'body', false],
      ['pins', 'json', 'body', false],
      ['doors', 'json', 'body', false],
    ]);
    expect(input.flatMap((field) => (field.enum === undefined ? [] : [[field.name, field.enum]]))).toEqual([
      ['colour', ['black', 'white']],
      ['moods', ['calm', 'wild']],
    ]);
    expect(input.filter(({ secret }) => secret).map(({ name }) => name)).toEqual(['pins']);
    expect(input[2]?.description).toBe('of the fur');
  });

  it('puts what a DELETE or GET takes besides its path into the query', () => {
    expect(fieldsOf('cats.release').input.map((field) => [field.name, field.in])).toEqual([
      ['project', 'path'],
      ['id', 'path'],
      ['force', 'query'],
    ]);
    expect(fieldsOf('cats.list').input.map((field) => field.in)).toEqual(['query']);
  });

  it('shows the parts of a composed answer, the items of a list, and nothing of nothing', () => {
    expect(fieldsOf('cats.adopt').output).toEqual({
      list: false,
      shown: [
        { name: 'id', kind: 'string' },
        { name: 'colour', kind: 'string' },
        { name: 'lives', kind: 'integer' },
        { name: 'born_at', kind: 'time' },
        { name: 'friends', kind: 'strings' },
        { name: 'tags', kind: 'object' },
        { name: 'chip', kind: 'string' },
      ],
    });
    expect(fieldsOf('cats.list').output).toMatchObject({ list: true, shown: { length: 6 } });
    expect(fieldsOf('cats.release').output).toBeUndefined();
  });

  it('wants a description for each input property, for it is the help', () => {
    const { input, ...list } = sample['cats/list.json'];
    const silent = { ...list, input: { ...input, properties: { fur: { type: 'string' } } } };
    expect(() => fieldsOf('cats.list', { 'cats/list.json': silent })).toThrow('"fur" needs a description');
  });
});

it('writes the table of operations without schemas', () => {
  const file = operationsFile(readSchemas(sampleFolder()));
  expect(file).toContain(
    "\n  'cats.list': { summary: 'list cats', method: 'GET', path: '/v1/cats', status: 200, access: 'read', scope: 'caller' },\n",
  );
  expect(file).toContain("    scope: 'project',\n    permission: 'zoo.cats.adopt',\n    oneTime: true,\n  },");
  expect(file).not.toContain('properties');
});

describe('a literal', () => {
  it('stands on one line where it fits', () => {
    expect(literal({ a: 1, 'b-c': ["it's", 'so "it" is', true] })).toBe(
      `{ a: 1, 'b-c': ["it's", 'so "it" is', true] }`,
    );
    expect(literal({})).toBe('{}');
    expect(literal(['\n\\', `'"`])).toBe(`['\\n\\\\', '\\'"']`);
  });

  it('breaks where it does not, inside first', () => {
    const long = 'x'.repeat(100);
    expect(literal({ a: { b: long, c: long } })).toBe(`{\n  a: {\n    b: '${long}',\n    c: '${long}',\n  },\n}`);
  });

  it('means what it was made from', () => {
    const value = { 'a b': ["'", '"', `'"`, '\\', '\u2028', '\n', -1.5, null, true], __proto: {} };
    expect(new Function(`return ${literal(value)}`)()).toEqual(value);
    expect(literal({ load: new Code('() => 1') })).toBe('{ load: () => 1 }');
  });
});
