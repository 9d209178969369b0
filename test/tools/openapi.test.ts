import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { formats } from '../../src/formats.ts';
import { openapiFile } from '../../src/tools/openapi.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { root, sampleFolder } from './sample.ts';

interface Described {
  operationId: string;
  description?: string;
  parameters?: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { required: boolean; content: { 'application/json': { schema: object } } };
  responses: Record<string, { content?: { 'application/json': { schema: object } } }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, object> };
}

const read = (folder: string): Document => JSON.parse(openapiFile(readSchemas(folder)));

const refsIn = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, inner]) => (key === '$ref' ? [String(inner)] : refsIn(inner)));

const at = (document: unknown, ref: string): unknown =>
  ref
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);

describe('the OpenAPI document of the product', () => {
  const document = read(join(root, 'schemas'));
  const { operations } = readSchemas(join(root, 'schemas'));
  const rows = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, described]) => ({ path, method, described })),
  );

  it('is of version 3.1 and holds every operation once', () => {
    expect(document.openapi).toBe('3.1.0');
    const ids = rows.map(({ described }) => described.operationId);
    expect(ids.sort()).toEqual(operations.map(({ name }) => name).sort());
  });

  it('refers only to what is in it', () => {
    const refs = refsIn(document);
    expect(refs.length).toBeGreaterThan(operations.length);
    for (const ref of refs) {
      expect(ref).toMatch(/^#\/components\//);
      expect(at(document, ref), ref).toBeTypeOf('object');
    }
  });

  it('describes each word of each path, and answers an error of one shape', () => {
    for (const { path, described } of rows) {
      const inPath = (described.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => name).sort()).toEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort(),
      );
      expect(inPath.every(({ required }) => required)).toBe(true);
      const isOAuth = path.startsWith('/v1/auth/device/') && /code|token/.test(path);
      const error = isOAuth ? 'OAuthError' : 'Error';
      expect(described.responses.default).toEqual({ $ref: `#/components/responses/${error}` });
    }
  });

  it('says what a header carries, what is a form, and what is for everybody', () => {
    const of = (id: string) => rows.find(({ described }) => described.operationId === id)?.described;
    expect(of('secrets.update')?.parameters).toContainEqual(
      expect.objectContaining({ name: 'If-Match', in: 'header' }),
    );
    expect(JSON.stringify(of('secrets.update')?.requestBody)).not.toContain('if_version');
    expect(JSON.stringify(of('auth.device-token')?.requestBody)).toContain('application/x-www-form-urlencoded');
    expect(of('auth.login')).toMatchObject({ security: [] });
    expect(of('auth.logout')).not.toHaveProperty('security');
  });

  it('holds schemas that can be compiled', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    ajv.addKeyword('x-secret').addKeyword('components');
    for (const name of Object.keys(formats)) ajv.addFormat(name, true);
    ajv.addSchema({ $id: 'document', components: document.components });
    for (const name of Object.keys(document.components.schemas)) {
      expect(ajv.getSchema(`document#/components/schemas/${name}`), name).toBeTypeOf('function');
    }
  });
});

describe('an operation of the sample', () => {
  const { paths } = read(sampleFolder());

  it('gives a POST its body, closed, without what the path holds', () => {
    const adopt = paths['/v1/projects/{project}/cats']?.post;
    expect(adopt?.parameters?.map(({ name }) => name)).toEqual(['project', 'Idempotency-Key']);
    expect(adopt?.requestBody).toMatchObject({
      required: true,
      content: {
        'application/json': {
          schema: {
            required: ['name', 'colour'],
            additionalProperties: false,
            properties: {
              name: { $ref: '#/components/schemas/Name', description: "the cat's, for good" },
              collar: { additionalProperties: false },
              notes: { additionalProperties: true },
            },
          },
        },
      },
    });
    expect(adopt?.description).toBe('Needs the permission `zoo.cats.adopt`.');
    expect(adopt?.responses['201']?.content?.['application/json'].schema).toEqual({
      $ref: '#/components/schemas/CatAdopted',
    });
  });

  it('gives a DELETE its query and an answer without a body', () => {
    const release = paths['/v1/projects/{project}/cats/{id}']?.delete;
    expect(release?.requestBody).toBeUndefined();
    expect(release?.parameters?.map((parameter) => [parameter.name, parameter.in, parameter.required])).toEqual([
      ['project', 'path', true],
      ['id', 'path', true],
      ['force', 'query', false],
      ['Idempotency-Key', 'header', false],
    ]);
    expect(release?.responses['204']).toEqual({ description: 'done' });
  });
});
