import { resolve } from 'node:path';
import { _ } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import * as formatsModule from '../formats.ts';
import type { Schemas } from './read.ts';
import { bare, closed, holdsSecret, inline, type Schema } from './schema.ts';

const { formats } = formatsModule;

const newAjv = (more: ConstructorParameters<typeof Ajv2020>[0] = {}): Ajv2020 => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, ownProperties: true, ...more });
  for (const [name, format] of Object.entries(formats)) {
    ajv.addFormat(name, (text: string) => format(text) === undefined);
  }
  return ajv;
};

/** The properties that an input names, those inside objects as `with_key.name`, those inside lists as `steps.*.name`. */
const namesIn = (schema: Schema, before = ''): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => [
    before + name,
    ...namesIn(inner, `${before}${name}.`),
    ...(inner.items === undefined ? [] : namesIn(inner.items, `${before}${name}.*.`)),
  ]);

const exportNameOf = (format: string): string => {
  const name = Object.entries(formatsModule).find(([, exported]) => exported === formats[format])?.[0];
  if (name === undefined) throw new Error(`src/formats.ts does not export the format "${format}" by itself`);
  return name;
};

/**
 * What ajv's code would ask of `require`, as imports. Lengths are counted by our own function, for ajv's comes in a
 * CommonJS wrapper that is longer than itself.
 */
const asImports = (code: string): string =>
  code.replace(/const (\w+) = require\("([^"]+)"\)(.*?);/g, (_all, local: string, from: string, member: string) => {
    if (from.endsWith('/runtime/ucs2length')) return `import { codePoints as ${local} } from './src/formats.ts';`;
    if (from.endsWith('/runtime/equal')) return `import ${local} from 'fast-deep-equal';`;
    const format = from === 'formats' ? /^(?:\.(\w+)|\["([^"]+)"\])$/.exec(member) : null;
    if (format === null) throw new Error(`a validator needs "${from}", which the generator does not know`);
    const name = exportNameOf(format[1] ?? format[2] ?? '');
    return `import { ${name} as ${local}Problem } from './src/formats.ts';\nconst ${local} = (text) => ${local}Problem(text) === undefined;`;
  });

const root = resolve(import.meta.dirname, '../..');

const bundled = async (source: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'js' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'node20',
    supported: { 'regexp-unicode-property-escapes': true },
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
  });
  // The bundler notes where each piece came from; that is a path of this machine and says nothing to a reader.
  return (outputFiles[0]?.text ?? '').replace(/^\/\/ .*\n/gm, '').trimStart();
};

/** `src/generated/validators/<noun>.js`: all that checking this noun's inputs needs, and no more. */
export const validatorsFile = async (noun: string, { operations, models }: Schemas): Promise<string> => {
  const ajv = newAjv({
    useDefaults: true,
    messages: false,
    code: { source: true, esm: true, lines: true, formats: _`require("formats")` },
  });
  const exports: Record<string, string> = {};
  const rows: string[] = [];
  for (const { name, input, verb } of operations.filter((operation) => operation.noun === noun)) {
    const schema = inline(input, models);
    ajv.addSchema(bare(closed(schema)), name);
    const check = `check${rows.length}`;
    exports[check] = name;
    const secret = Object.entries(schema.properties ?? {}).filter(([, inner]) => holdsSecret(inner));
    const row = { fields: namesIn(schema), secret: secret.map(([property]) => property) };
    rows.push(`  ${JSON.stringify(verb)}: { check: ${check}, ...${JSON.stringify(row)} },`);
  }
  const code = asImports(standalone.default(ajv, exports)).replace(/^export const (check\d+)/gm, 'const $1');
  return bundled(`${code}\nexport const validators = {\n${rows.join('\n')}\n};\n`);
};

/** `src/generated/validators/<noun>.d.ts`. */
export const validatorsTypes =
  "import type { Validator } from '../validators.ts';\n\n" +
  'export declare const validators: Readonly<Record<string, Validator>>;\n';

/** The head of `src/generated/validators.ts`. */
export const validatorHead = `import type { Noun } from '../operations.ts';

/** One thing that ajv found wrong. */
export interface Finding {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  params: Readonly<Record<string, unknown>>;
  /** The key that was checked, where a key was. */
  propertyName?: string;
}

export interface Validator {
  /** Also fills in defaults. The findings stand on the function until its next call. */
  check: ((input: unknown) => boolean) & { errors?: readonly Finding[] | null };
  /** The names of the input's properties, in the order of the schema. */
  fields: readonly string[];
  /** Those whose values are never quoted. */
  secret: readonly string[];
}`;

/** For tests: what an operation's answer has that its schema does not allow, or lacks. */
export const outputCheck = ({ operations, models }: Schemas): ((name: string, output: unknown) => string[]) => {
  const ajv = newAjv();
  for (const { name, output } of operations) {
    if (output !== undefined) ajv.addSchema(bare(closed(inline(output, models))), name);
  }
  return (name, output) => {
    const check = ajv.getSchema(name);
    if (check === undefined) return output === undefined ? [] : ['must answer nothing'];
    return check(output) ? [] : (check.errors ?? []).map((error) => `${error.instancePath} ${error.message}`.trim());
  };
};
