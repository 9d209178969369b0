import type { Operation } from '../operations.ts';
import type { AnyCommand, ExtraFlag, Field, Fields, FlagNaming } from './command.ts';
import { type GlobalFlag, globalFlags } from './globals.ts';

/** A flag of one command. */
export interface Flag extends ExtraFlag {
  /** What becomes of its value: a property of the input, one of the command's own, one that several commands share. */
  from: 'input' | 'extra' | 'shared' | 'global';
  field?: Field;
  required?: boolean;
  /** Another name for it, with a flag of its own that is `hidden`. */
  alias?: string;
  /** Understood, but not listed: an alias, or `--no-x` beside `--x`. */
  hidden?: true;
  /** `--no-x`: the switch turned off. */
  negates?: true;
}

/** The schema's part of an operation command. */
export interface Known {
  fields: Fields;
  operation: Operation;
}

const words: Record<Field['kind'], string> = {
  string: 'TEXT',
  integer: 'N',
  boolean: '',
  strings: 'A,B',
  tags: 'KEY=VALUE',
  json: 'JSON',
  duration: 'DURATION',
  time: 'TIME',
};

const remarks: Partial<Record<Field['kind'], string>> = {
  strings: 'repeatable, or with commas between',
  tags: 'repeatable',
  json: 'JSON text, @FILE or @-',
  duration: 'such as 90d, 12h, or seconds',
  time: 'RFC 3339, or a duration from now such as 90d',
};

const telling = ['id', 'name', 'ip', 'key', 'token', 'cursor', 'handle'];

const wordOf = (field: Field): string => {
  const last = field.name.split('_').at(-1) ?? '';
  return field.kind === 'string' && telling.includes(last) ? last.toUpperCase() : words[field.kind];
};

const describe = ({ kind, never, filled, description }: Field, { method }: Operation): string => {
  const remark = never === true ? `${remarks[kind]}; or never` : remarks[kind];
  if (remark === undefined) return description;
  const isCleared = method === 'PATCH' && (kind === 'strings' || kind === 'tags') && filled !== true;
  const clears = isCleared ? '; an empty text clears' : '';
  return `${description} (${remark}${clears})`;
};

const kebab = (name: string): string => name.replaceAll('_', '-');

const nameOf = ({ kind, name }: Field): string => {
  if (kind === 'tags' && name === 'tags') return 'tag';
  return kebab(kind === 'duration' ? name.replace(/_seconds$/, '') : name);
};

const inputFlags = (field: Field, operation: Operation, naming: FlagNaming = {}): Flag[] => {
  const description = describe(field, operation);
  const flag: Flag = { name: naming.name ?? nameOf(field), from: 'input', field, description };
  if (field.required && naming.optional !== true) flag.required = true;
  if (field.enum !== undefined) flag.choices = field.enum;
  if (naming.short !== undefined) flag.short = naming.short;
  if (naming.modifies === true) flag.modifies = true;
  if (naming.alias !== undefined) flag.alias = naming.alias;
  if (field.kind === 'boolean') return [flag, { ...flag, name: `no-${flag.name}`, negates: true, hidden: true }];
  flag.value = naming.value ?? wordOf(field);
  if (field.kind === 'strings' || field.kind === 'tags') flag.repeatable = true;
  return naming.alias === undefined ? [flag] : [flag, { ...flag, name: naming.alias, hidden: true }];
};

const sharedFlags = (command: AnyCommand, { fields, operation }: Known): Flag[] => {
  if (command.kind !== 'operation') return [];
  const { oneTime, confirm } = command.spec;
  const shared: ExtraFlag[] = [];
  if (fields.input.some((field) => field.in === 'body')) {
    shared.push({
      name: 'file',
      short: 'f',
      value: 'PATH',
      description: 'the whole input as JSON or YAML; - is stdin',
    });
  }
  if (oneTime !== undefined) {
    const description = 'write the one-time value to this file (mode 0600); an existing file is replaced whole';
    shared.push({ name: 'out', value: 'FILE', description });
  }
  if (confirm !== undefined) shared.push({ name: 'yes', short: 'y', description: 'do it without asking' });
  if (operation.access === 'write') {
    shared.push({ name: 'dry-run', description: 'print the body that would be sent, and send nothing' });
  }
  return shared.map((flag) => ({ ...flag, from: 'shared' }));
};

/** Where two want the same name or letter, the first has it: the one nearer to the command. */
const withoutClashes = (flags: readonly Flag[]): Flag[] => {
  const names = new Set<string>();
  const letters = new Set<string>();
  return flags.flatMap((flag) => {
    if (names.has(flag.name)) return [];
    names.add(flag.name);
    if (flag.short === undefined) return [flag];
    const { short, ...rest } = flag;
    if (letters.has(short)) return [rest];
    letters.add(short);
    return [flag];
  });
};

export const asGlobal = (flag: GlobalFlag): Flag => ({ ...flag, from: 'global' });

/** Every flag of a command, the global ones last. A local command has no `known`. */
export const flagsOf = (command: AnyCommand, known?: Known): readonly Flag[] => {
  const own: Flag[] = [];
  if (command.kind === 'operation' && known !== undefined) {
    const { args = [], flags = {} } = command.spec;
    const argumentsOnly = new Set<string>(args.flatMap((arg) => (arg.optional === true ? [] : [arg.name])));
    for (const field of known.fields.input) {
      const naming = (flags as Readonly<Record<string, FlagNaming | undefined>>)[field.name];
      if (field.name === 'project' || argumentsOnly.has(field.name) || naming?.hidden === true) continue;
      own.push(...inputFlags(field, known.operation, naming));
    }
  }
  const extra = (command.spec.extra ?? []).map((flag): Flag => ({ ...flag, from: 'extra' }));
  const shared = known === undefined ? [] : sharedFlags(command, known);
  return withoutClashes([...own, ...extra, ...shared, ...globalFlags.map(asGlobal)]);
};
