import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { MobiusError } from '../../src/errors.ts';
import type { Validator } from '../../src/generated/validators.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { bare, closed, inline, innerOf, type Schema } from '../../src/tools/schema.ts';
import { outputCheck, validatorsFile } from '../../src/tools/validators.ts';
import { checked, wordedKeywords } from '../../src/validate.ts';
import { folderWith, root, sampleFolder } from './sample.ts';

const refusalOf = async (validator: Validator | undefined, input: unknown): Promise<MobiusError> => {
  if (validator === undefined) throw new Error('no such validator');
  const asked = async (): Promise<unknown> => checked(validator, input);
  const error = await asked().then(
    () => new Error('was taken'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MobiusError)) throw error;
  return error;
};

describe('a generated validator', () => {
  let text: string;
  let validators: Readonly<Record<string, Validator>>;

  beforeAll(async () => {
    text = await validatorsFile('cats', readSchemas(sampleFolder()));
    const file = join(folderWith({}), 'cats.mjs');
    writeFileSync(file, text);
    ({ validators } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
      validators: Readonly<Record<string, Validator>>;
    });
  });

  const problem = async (input: object): Promise<string> => {
    const { message } = await refusalOf(validators.adopt, { name: 'Tom', ...input });
    return message;
  };

  it('is all there is: it asks for no other file, and tells nothing of this machine', () => {
    expect(text).not.toMatch(/require\(["']|^import |import\(/m);
    expect(text).not.toContain(root);
  });

  it('leaves out the formats that this noun does not use', () => {
    expect(text).toContain('must not have the shape of an id');
    expect(text).not.toMatch(/IP address|UUID/);
  });

  it('fills in defaults and takes what is right', async () => {
    const input = { name: 'Tom', collar: { size: null }, notes: { any: [{ thing: 1 }] } };
    const before = structuredClone(input);
    expect(await checked(validators.adopt as Validator, input)).toEqual({
      project: 'default',
      colour: 'black',
      ...input,
    });
    expect(input).toEqual(before);
  });

  it('knows the order of its fields, inside objects and lists too, and which are secret', () => {
    const { fields, secret } = validators.adopt as Validator;
    expect(fields.slice(0, 4)).toEqual(['project', 'name', 'colour', 'lives']);
    expect(fields.slice(-6)).toEqual(['collar', 'collar.size', 'collar.label', 'pins', 'doors', 'doors.*.pin']);
    expect(secret).toEqual(['pins', 'doors']);
  });

  it.each<[object, string]>([
    [{ lives: 0 }, '"lives" must be at least 1'],
    [{ lives: 10 }, '"lives" must be at most 9'],
    [{ lives: 1.5 }, '"lives" must be a whole number'],
    [{ indoor: 'yes' }, '"indoor" must be true or false'],
    [{ friends: 'Bo' }, '"friends" must be a list'],
    [{ friends: [] }, '"friends" must not be empty'],
    [{ friends: ['a', 'b', 'c', 'd'] }, '"friends" must have at most 3 entries'],
    [{ friends: ['Bo', 'Al', 'Bo'] }, '"friends" must not name "Bo" twice'],
    [{ friends: ['Bo', 7] }, '"friends.1" must be text'],
    [{ moods: ['calm', 'x'] }, '"moods.1" must be one of "calm", "wild"'],
    [{ colour: 7 }, '"colour" must be one of "black", "white"'],
    [{ notes: {} }, '"notes" must not be empty'],
    [{ notes: [] }, '"notes" must be an object'],
    [{ collar: {} }, '"collar.size" is required'],
    [{ collar: { size: 'x' } }, '"collar.size" must be a whole number or null'],
    [{ collar: { size: 1, label: 'x' } }, '"collar.label" must be at least 2 characters'],
    [{ collar: { size: 1, label: 'xy' } }, '"collar.label" must be at most 1 character'],
    [{ collar: { size: 1, lable: 'x' } }, 'unknown field "collar.lable"'],
    [{ tags: { a: 'b', 'c\n': 'd' } }, '"tags" has the key "c\\u{a}", which must not hold control characters'],
    [{ tags: { 'a/b~c': 7 } }, '"tags.a/b~c" must be text'],
    [{ doors: [{}] }, '"doors" must have at least 2 entries'],
    [{ doors: [{ pin: '1' }, { pine: '2' }] }, 'unknown field "doors.1.pine"'],
  ])('says of %j: %s', async (input, message) => {
    expect(await problem(input)).toBe(message);
  });

  it.each<[object, string]>([
    [{ pins: { door: 'hunter2', b: 'c' } }, '"pins.door" must be at most 3 characters'],
    [{ pins: { hunter2: 'x' } }, '"pins" must have at least 2 entries'],
    [{ pins: { hunter2: 'x', a: 'b' } }, '"pins" has a key that must be at most 4 characters'],
    [{ doors: [{ pin: 'hunter2' }, {}] }, '"doors.0.pin" must be at most 4 characters'],
    [{ doors: [{ pin: 'h' }, { pin: 'h' }] }, '"doors" must not name the same entry twice'],
  ])('never quotes what may be secret: %j', async (input, message) => {
    const error = await refusalOf(validators.adopt, { name: 'Tom', ...input });
    expect(error.message).toBe(message);
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toContain('hunter2');
  });

  it('suggests from beside the unknown field, not from elsewhere', async () => {
    const hint = async (input: object): Promise<string | undefined> => (await refusalOf(validators.adopt, input)).hint;
    expect(await hint({ Nmae: 'Tom' })).toBe('did you mean "name"?');
    expect(await hint({ 'born-at': 1 })).toBe('did you mean "born_at"?');
    expect(await hint({ collar: { sise: 1 } })).toBe('did you mean "size"?');
    expect(await hint({ doors: [{ pi: '1' }] })).toBe('did you mean "pin"?');
    expect(await hint({ collar: { nmae: 1 } })).toBeUndefined();
    expect(await hint({ whiskers: 1 })).toBeUndefined();
  });

  it('names an unknown field before all else, then the first field in the order of the schema', async () => {
    const first = async (input: object): Promise<unknown> => (await refusalOf(validators.adopt, input)).details.field;
    expect(await first({ lives: 0, colour: 'x', zzz: 1 })).toBe('zzz');
    expect(await first({ lives: 0, collar: { size: 1, sise: 2 } })).toBe('collar.sise');
    expect(await first({ lives: 0, colour: 'x' })).toBe('name');
    expect(await first({ lives: 0, colour: 'x', name: 'Tom' })).toBe('colour');
    expect(await first({ collar: {}, lives: 0, name: 'Tom' })).toBe('lives');
  });
});

describe('the validators of the product', () => {
  const schemas = readSchemas(join(root, 'schemas'));

  it('are self-contained', () => {
    const folder = join(root, 'src/generated/validators');
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
      expect(readFileSync(join(folder, file), 'utf8'), file).not.toMatch(/require\(["']|^import |import\(/m);
    }
  });

  it('find nothing that could not be said in words', () => {
    const silent = ['properties', 'items', 'additionalProperties', 'propertyNames', 'default'];
    const keywordsOf = (schema: Schema): string[] => [...Object.keys(schema), ...innerOf(schema).flatMap(keywordsOf)];
    const used = schemas.operations.flatMap(({ input }) => keywordsOf(bare(closed(inline(input, schemas.models)))));
    expect(used.filter((keyword) => ![...silent, ...wordedKeywords].includes(keyword))).toEqual([]);
  });
});

describe('the check of an answer', () => {
  const problems = outputCheck(readSchemas(sampleFolder()));
  const cat = { id: 'cat_1', born_at: '2027-01-01T00:00:00Z' };

  it('takes what the schema describes, composed or listed', () => {
    expect(problems('cats.adopt', { ...cat, chip: 'c', tags: { a: 'b' } })).toEqual([]);
    expect(problems('cats.list', { items: [cat] })).toEqual([]);
    expect(problems('cats.release', undefined)).toEqual([]);
  });

  it('finds what is missing, what is more, and what is of another kind', () => {
    expect(problems('cats.adopt', cat)).toEqual(["must have required property 'chip'"]);
    expect(problems('cats.adopt', { ...cat, chip: 'c', fleas: 1 })).toEqual(['must NOT have unevaluated properties']);
    expect(problems('cats.list', { items: [{ ...cat, fleas: 1 }] })).toEqual([
      '/items/0 must NOT have additional properties',
    ]);
    expect(problems('cats.list', { items: [{ ...cat, born_at: 'today' }] })).toEqual([
      '/items/0/born_at must match format "date-time"',
    ]);
    expect(problems('cats.release', {})).toEqual(['must answer nothing']);
  });
});
