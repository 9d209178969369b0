import { invalidField, MobiusError } from './errors.ts';
import { formats } from './formats.ts';
import { type Finding, type Validator, validatorsOf } from './generated/validators.ts';
import type { Input, Name, Noun } from './operations.ts';
import type { Ready } from './ready.ts';

const deepest = 64;
const mostValues = 100_000;

/** As it can stand on a terminal: nothing that moves the cursor, turns the text around or goes on for pages. */
const shown = (text: string): string => {
  const start = [...text.slice(0, 128)].slice(0, 64).join('');
  const whole = start.length < text.length ? `${start}…` : start;
  return whole.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
};

const dotted = (segments: readonly string[]): string => segments.map(shown).join('.');

const unknownField = (field: string, hint?: string): MobiusError =>
  new MobiusError('invalid_input', `unknown field "${field}"`, { field, problem: 'unknown' }, hint);

const noObject = (): MobiusError => new MobiusError('bad_request', 'the input must be an object');

/**
 * A copy of what JSON can hold, which defaults are filled into. `__proto__` is refused as a key everywhere, also where
 * any key may stand: one careless assignment later it would reach every object of the process.
 */
const copyOf = (input: unknown): unknown => {
  let values = 0;
  const path: string[] = [];
  const copyAt = (key: string, value: unknown): unknown => {
    path.push(key);
    const copied = copy(value);
    path.pop();
    return copied;
  };
  const copy = (value: unknown): unknown => {
    if (++values > mostValues) throw new MobiusError('bad_request', 'the input holds too many values');
    if (path.length > deepest) throw new MobiusError('bad_request', 'the input is nested too deeply');
    if (Array.isArray(value)) return value.map((entry, index) => copyAt(String(index), entry));
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
      return value;
    const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
    if (prototype !== null && prototype !== Object.prototype) {
      throw path.length === 0 ? noObject() : invalidField(dotted(path), 'must be plain JSON');
    }
    const result: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value as object)) {
      if (key === '__proto__') throw unknownField(dotted([...path, key]));
      if (entry !== undefined) result[key] = copyAt(key, entry);
    }
    return result;
  };
  return copy(input);
};

const segmentsOf = ({ instancePath }: Finding): string[] =>
  instancePath
    .split('/')
    .slice(1)
    .map((segment) => segment.replace(/~1/g, '/').replace(/~0/g, '~'));

const valueAt = (input: unknown, segments: readonly string[]): unknown =>
  segments.reduce<unknown>((value, segment) => (value as Record<string, unknown> | undefined)?.[segment], input);

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

const several = (count: unknown, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
const characters = (limit: unknown): string => several(limit, 'character', 'characters');
const entries = (limit: unknown): string => several(limit, 'entry', 'entries');
const quoted = (values: unknown): string => (values as readonly unknown[]).map((value) => `"${value}"`).join(', ');

type Words = (params: Finding['params'], value: unknown, secret: boolean) => string | undefined;

const twice: Words = ({ i }, value, secret) => {
  const entry = (value as readonly unknown[])[Number(i)];
  return secret || typeof entry !== 'string'
    ? 'must not name the same entry twice'
    : `must not name "${shown(entry)}" twice`;
};

/** What is wrong, by the keyword of the schema that found it, in words that follow the field's name. */
const words: Readonly<Record<string, Words>> = {
  required: () => 'is required',
  type: ({ type }) =>
    `must be ${[type]
      .flat()
      .map((name) => typeWords[String(name)] ?? name)
      .join(' or ')}`,
  enum: ({ allowedValues }) => `must be one of ${quoted(allowedValues)}`,
  minLength: ({ limit }) => (limit === 1 ? 'must not be empty' : `must be at least ${characters(limit)}`),
  maxLength: ({ limit }) => `must be at most ${characters(limit)}`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  minItems: ({ limit }) => (limit === 1 ? 'must not be empty' : `must have at least ${entries(limit)}`),
  maxItems: ({ limit }) => `must have at most ${entries(limit)}`,
  minProperties: ({ limit }) => (limit === 1 ? 'must not be empty' : `must have at least ${entries(limit)}`),
  maxProperties: ({ limit }) => `must have at most ${entries(limit)}`,
  uniqueItems: twice,
  format: ({ format }, value) => formats[String(format)]?.(String(value)),
};

/** The keywords that a schema of an input may use, for what they find can be said. */
export const wordedKeywords: readonly string[] = Object.keys(words);

const problemOf = (finding: Finding, input: unknown, secret: boolean): string => {
  const key = finding.propertyName;
  const value = key ?? valueAt(input, segmentsOf(finding));
  const problem = words[finding.keyword]?.(finding.params, value, secret) ?? 'is not valid';
  if (key === undefined) return problem;
  return secret ? `has a key that ${problem}` : `has the key "${shown(key)}", which ${problem}`;
};

const isUnknown = ({ keyword }: Finding): boolean => keyword === 'additionalProperties';

/** An unknown field first, for it explains what seems to be missing; then in the order of the schema. */
const worstOf = (findings: readonly Finding[], fields: readonly string[]): Finding | undefined => {
  const unknown = findings.find(isUnknown);
  if (unknown !== undefined) return unknown;
  const rank = (finding: Finding): number =>
    fields.indexOf(segmentsOf(finding)[0] ?? String(finding.params.missingProperty));
  const first = findings.reduce<Finding | undefined>(
    (best, finding) => (best === undefined || rank(finding) < rank(best) ? finding : best),
    undefined,
  );
  const choices = findings.find(
    ({ keyword, instancePath }) => keyword === 'enum' && instancePath === first?.instancePath,
  );
  return first?.keyword === 'type' ? (choices ?? first) : first;
};

const near = async (segments: readonly string[], fields: readonly string[]): Promise<string | undefined> => {
  const name = (segments.at(-1) ?? '').toLowerCase().replaceAll('-', '_');
  const parent = segments.slice(0, -1).map((segment) => (/^\d+$/.test(segment) ? '*' : segment));
  const siblings = fields
    .map((field) => field.split('.'))
    .filter((field) => field.length === segments.length && field.slice(0, -1).join('.') === parent.join('.'))
    .map((field) => field.at(-1) ?? '');
  if (siblings.length === 0 || name.length > 64) return undefined;
  const { closest, distance } = await import('fastest-levenshtein');
  const best = closest(name, siblings);
  return distance(name, best) <= Math.ceil(best.length / 3) ? `did you mean "${best}"?` : undefined;
};

const refuse = async (finding: Finding, input: unknown, { fields, secret }: Validator): Promise<never> => {
  const segments = segmentsOf(finding);
  if (isUnknown(finding)) {
    const path = [...segments, String(finding.params.additionalProperty)];
    throw unknownField(dotted(path), await near(path, fields));
  }
  const field = finding.keyword === 'required' ? [...segments, String(finding.params.missingProperty)] : segments;
  throw invalidField(dotted(field), problemOf(finding, input, secret.includes(field[0] ?? '')));
};

/** What `validate` does, once it is known which validator it takes. */
export const checked = (validator: Validator, input: unknown): Ready<unknown> => {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw noObject();
  const copy = copyOf(input);
  if (validator.check(copy)) return copy;
  const finding = worstOf(validator.check.errors ?? [], validator.fields);
  if (finding === undefined) throw new MobiusError('internal', 'the input was refused without a reason');
  return refuse(finding, copy, validator);
};

const known = new Map<Name, Validator>();

/** An import costs something each time, also of what is there already. */
const validatorOf = async (name: Name): Promise<Validator> => {
  const [noun, verb = ''] = name.split('.');
  const validator = (await validatorsOf[noun as Noun]()).validators[verb];
  if (validator === undefined) throw new MobiusError('internal', `nothing checks the input of "${name}"`);
  known.set(name, validator);
  return validator;
};

/**
 * The input of an operation, checked, copied and with its defaults filled in; what was given is left as it was. Rejects
 * with `bad_request` where it is no object and `invalid_input` naming the field otherwise. No message holds the value
 * of a property that may be secret.
 */
export const validate = async <K extends Name>(name: K, input: unknown): Promise<Input<K>> =>
  checked(known.get(name) ?? (await validatorOf(name)), input) as Ready<Input<K>>;
