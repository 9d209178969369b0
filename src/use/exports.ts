import { MobiusError } from '../errors.ts';
import { parseDotenv } from './dotenv.ts';
import { readJsonText, readJsonTexts, type Tree } from './tree.ts';
import { readYamlText } from './yaml-tree.ts';

export interface FoundSecret {
  /** Absent where the file doesn't say it. */
  name?: string;
  values: Record<string, string>;
  description?: string;
}

export interface Found {
  secrets: FoundSecret[];
  /** What was changed or left out, a sentence each, for a person: names, never a value. */
  remarks: string[];
}

/** What another tool exported; `said` is how the file is called in an error. A usage error where it can't be read. */
export type Reader = (text: string, said: string) => Found;

type Entries = readonly [key: string, value: Tree][];

/** Words for a place in the file. */
const at = (path: readonly string[]): string => `"${path.join('.')}"`;

const wrong = (said: string, problem: string): MobiusError => new MobiusError('usage', `${said} ${problem}`);

const entriesOf = (tree: Tree | undefined): Entries | undefined => (tree?.kind === 'map' ? tree.entries : undefined);

const field = (tree: Tree | undefined, key: string): Tree | undefined =>
  entriesOf(tree)?.find(([name]) => name === key)?.[1];

const textOf = (tree: Tree | undefined): string | undefined => (tree?.kind === 'text' ? tree.text : undefined);

const isEmpty = (record: Record<string, string>): boolean => Object.keys(record).length === 0;

/** The text of one value: what is no text becomes one, with a remark, or is refused. */
const oneValue = (tree: Tree, path: readonly string[], said: string, remarks: string[]): string => {
  if (path.at(-1) === '') throw wrong(said, `has an empty key at ${at(path)}`);
  if (tree.kind === 'map' || tree.kind === 'list') {
    throw wrong(said, `is nested too deep: ${at(path)} is no text but ${tree.kind === 'map' ? 'an object' : 'a list'}`);
  }
  if (tree.kind === 'null') throw wrong(said, `has no text at ${at(path)}: it is null`);
  // Written as UTF-8 it would turn into another character.
  if (/\p{Surrogate}/u.test(tree.text)) throw wrong(said, `has half a character in ${at(path)}`);
  if (tree.kind !== 'text') remarks.push(`${at(path)} was a ${tree.kind} and is now text, as it was written`);
  return tree.text;
};

const valuesOf = (entries: Entries, path: readonly string[], said: string, remarks: string[]): Record<string, string> =>
  Object.fromEntries(entries.map(([key, tree]) => [key, oneValue(tree, [...path, key], said, remarks)]));

/** `{"NAME":"value"}` is one secret without a name, `{"secret":{"key":"value"}}` are several. */
export const readJson: Reader = (text, said) => {
  const entries = entriesOf(readJsonText(text, said));
  if (entries === undefined) throw wrong(said, 'is no JSON object');
  if (entries.length === 0) throw wrong(said, 'holds nothing');
  const remarks: string[] = [];
  const maps = entries.filter(([, tree]) => tree.kind === 'map');
  if (maps.length === 0) return { secrets: [{ values: valuesOf(entries, [], said, remarks) }], remarks };
  const [other] = entries.find(([, tree]) => tree.kind !== 'map') ?? [];
  if (other !== undefined) throw wrong(said, `holds secrets with keys, but "${other}" is a value without a secret`);
  const secrets: FoundSecret[] = [];
  for (const [name, tree] of entries) {
    if (name === '') throw wrong(said, 'has a secret with an empty name');
    const values = valuesOf(entriesOf(tree) ?? [], [name], said, remarks);
    if (isEmpty(values)) remarks.push(`"${name}" has no values and was left out`);
    else secrets.push({ name, values });
  }
  return { secrets, remarks };
};

/** `vault kv get -format=json` says what was asked for in an envelope, which no export of paths has. */
const isEnvelope = (tree: Tree): boolean =>
  textOf(field(tree, 'request_id')) !== undefined &&
  field(tree, 'lease_duration')?.kind === 'number' &&
  field(tree, 'data') !== undefined;

const readEnvelope = (tree: Tree, nth: string, said: string, remarks: string[]): FoundSecret[] => {
  const outer = field(tree, 'data');
  const metadata = field(outer, 'metadata');
  const inner = field(outer, 'data');
  const second = entriesOf(metadata) !== undefined && (inner?.kind === 'map' || inner?.kind === 'null');
  const entries = entriesOf(second ? inner : outer) ?? [];
  if (entries.length === 0) {
    remarks.push(`${nth} has no values, as a deleted version has none, and was left out`);
    return [];
  }
  const custom = entriesOf(field(metadata, 'custom_metadata')) ?? [];
  const description = second ? textOf(field(field(metadata, 'custom_metadata'), 'description')) : undefined;
  for (const [key] of second ? custom : []) {
    if (key !== 'description' || description === undefined) {
      remarks.push(`the custom metadata "${key}" of ${nth} was left out`);
    }
  }
  const values = valuesOf(entries, [], said, remarks);
  return [description === undefined || description === '' ? { values } : { values, description }];
};

/** medusa's tree of paths. A path that is both secret and folder stands there as one object. */
const readPaths = (entries: Entries, path: readonly string[], said: string, remarks: string[]): FoundSecret[] => {
  // The root of a mount is called "".
  const name = path.filter((part) => part !== '').join('/');
  const folders = entries.filter(([, tree]) => tree.kind === 'map');
  const own = entries.filter(([, tree]) => tree.kind !== 'map');
  const below = folders.flatMap(([key, tree]) => readPaths(entriesOf(tree) ?? [], [...path, key], said, remarks));
  if (entries.length === 0) remarks.push(`"${name}" has no values and was left out`);
  if (own.length === 0) return below;
  if (folders.length > 0) {
    remarks.push(
      `${name === '' ? 'the top' : `"${name}"`} holds values and objects: each object became a secret of its own`,
    );
  }
  const values = valuesOf(own, path, said, remarks);
  return [name === '' ? { values } : { name, values }, ...below];
};

const refuseEqualNames = (secrets: readonly FoundSecret[], said: string): void => {
  const seen = new Set<string>();
  for (const { name } of secrets) {
    if (name !== undefined && seen.has(name)) throw wrong(said, `has the secret "${name}" twice`);
    if (name !== undefined) seen.add(name);
  }
};

/**
 * What `vault kv get -format=json` printed (versions 1 and 2 of the engine; several texts one after the other, or in a
 * list), which says no name, or `medusa export` as JSON or YAML, where paths are the names.
 */
export const readVaultKv: Reader = (text, said) => {
  const trees = /^\uFEFF?\s*[[{]/.test(text) ? readJsonTexts(text, said) : [readYamlText(text, said)];
  const [first] = trees;
  const list = trees.length === 1 && first?.kind === 'list' ? first.items : trees;
  if (list.length === 0) throw wrong(said, 'holds nothing');
  const remarks: string[] = [];
  if (list.some(isEnvelope)) {
    const secrets = list.flatMap((tree, index) => {
      const nth = list.length === 1 ? 'the secret' : `secret ${index + 1} of the file`;
      if (!isEnvelope(tree)) throw wrong(said, `holds something else than what vault kv get prints: ${nth}`);
      return readEnvelope(tree, nth, said, remarks);
    });
    return { secrets, remarks };
  }
  const [only, second] = list;
  const entries = entriesOf(only);
  if (entries === undefined || second !== undefined) {
    throw wrong(said, 'is neither what vault kv get prints nor an export of paths');
  }
  if (entries.length === 0) throw wrong(said, 'holds nothing');
  const secrets = readPaths(entries, [], said, remarks);
  refuseEqualNames(secrets, said);
  return { secrets, remarks };
};

/** What Doppler adds to every config by itself. */
const ofDoppler = new Set(['DOPPLER_PROJECT', 'DOPPLER_ENVIRONMENT', 'DOPPLER_CONFIG']);

const readDopplerValue = (name: string, tree: Tree, said: string, remarks: string[]): string | undefined => {
  if (tree.kind !== 'map') return oneValue(tree, [name], said, remarks);
  const [computed, raw, note] = ['computed', 'raw', 'note'].map((key) => field(tree, key));
  if (computed === undefined && raw === undefined) {
    throw wrong(said, `has an object at "${name}" that is no secret of Doppler's`);
  }
  if (computed === undefined || computed.kind === 'null') {
    remarks.push(`Doppler did not show the value of "${name}", which was left out`);
    return undefined;
  }
  const value = oneValue(computed, [name], said, remarks);
  if (textOf(raw) !== undefined && textOf(raw) !== value) {
    remarks.push(`"${name}" refers to other secrets in Doppler: it is now the text that came of it`);
  }
  if ((textOf(note) ?? '') !== '') remarks.push(`the note of "${name}" was left out`);
  return value;
};

const dotenvEntries = (text: string, said: string): Entries => {
  const seen = new Set<string>();
  return parseDotenv(text, said).map(({ name, value, line }) => {
    if (seen.has(name)) throw new MobiusError('usage', `line ${line} of ${said} has "${name}" for the second time`);
    seen.add(name);
    return [name, { kind: 'text', text: value }];
  });
};

/** A file of variables: one secret, which the file doesn't name. */
export const readDotenv: Reader = (text, said) => {
  const remarks: string[] = [];
  const entries = dotenvEntries(text, said);
  if (entries.length === 0) throw wrong(said, 'holds nothing');
  return { secrets: [{ values: valuesOf(entries, [], said, remarks) }], remarks };
};

/** What `doppler secrets download --no-file` (json or env) or `doppler secrets --json` printed: one secret, no name. */
export const readDoppler: Reader = (text, said) => {
  const isJson = /^\uFEFF?\s*[[{]/.test(text);
  const entries = isJson ? entriesOf(readJsonText(text, said)) : dotenvEntries(text, said);
  if (entries === undefined) throw wrong(said, 'is no JSON object');
  const remarks: string[] = [];
  const values: [string, string][] = [];
  for (const [name, tree] of entries) {
    if (ofDoppler.has(name)) {
      remarks.push(`"${name}" is Doppler's own and was left out`);
      continue;
    }
    const value = readDopplerValue(name, tree, said, remarks);
    if (value !== undefined) values.push([name, value]);
  }
  if (entries.length === 0) throw wrong(said, 'holds nothing');
  return { secrets: values.length === 0 ? [] : [{ values: Object.fromEntries(values) }], remarks };
};
