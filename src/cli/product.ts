import type { Speech } from '../calls/speech.ts';
import { aliases, nouns, topics } from '../commands/index.ts';
import { commands } from '../generated/commands.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Io } from '../io.ts';
import type { Input, Name, Noun, Operation } from '../operations.ts';
import type { AnyCommand, Fields, Globals } from './command.ts';
import { destinationOf, projectOf } from './destination.ts';
import type { Known } from './flags.ts';
import { openTarget, type Target } from './profiles.ts';
import { speechFor } from './speech.ts';

export interface CommandEntry {
  summary: string;
  /** No person types it. */
  hidden?: true;
  load(): Promise<{ default: AnyCommand }>;
}

/** All that the command line is made of. What belongs to one noun or one verb is loaded when the line asks for it. */
export interface Product {
  nouns: Readonly<Record<string, { summary: string; alias?: string; group: string }>>;
  /** Short ways to a verb: `whoami` is `auth whoami`. */
  aliases: Readonly<Record<string, readonly string[]>>;
  /** What has a page besides the commands: `mobius help NAME`. */
  topics: Readonly<Record<string, { summary: string }>>;
  /** By noun and verb; a noun that is itself a command has the verb ''. */
  commands: Readonly<Record<string, Readonly<Record<string, CommandEntry>>>>;
  operations: Readonly<Record<Name, Operation>>;
  fields(name: Name): Promise<Fields>;
  validate<K extends Name>(name: K, input: unknown): Promise<Input<K>>;
  openTarget(io: Io, globals: Globals): Promise<Target>;
  /** What another system's contract lets be said; undefined where the target keeps ours. */
  speechFor(io: Io, globals: Globals): Promise<Speech | undefined>;
  /** Whether the target is one that a wire leads to. */
  isServer(io: Io, globals: Globals): Promise<boolean>;
  projectOf(io: Io, globals: Globals): Promise<string>;
}

/** A command with what its schema says. */
export type Loaded =
  | Extract<AnyCommand, { kind: 'local' }>
  | (Extract<AnyCommand, { kind: 'operation' }> & { known: Known });

export const loadCommand = async (
  { fields, operations: all }: Pick<Product, 'fields' | 'operations'>,
  entry: CommandEntry,
): Promise<Loaded> => {
  const { default: command } = await entry.load();
  if (command.kind === 'local') return command;
  const name = command.spec.operation;
  return { ...command, known: { fields: await fields(name), operation: all[name] } };
};

export const product: Product = {
  nouns,
  aliases,
  topics,
  commands,
  operations,
  fields: async (name) => {
    const [noun] = name.split('.') as [Noun];
    return (await fieldsOf[noun]()).fields[name] ?? { input: [] };
  },
  validate: async (name, input) => (await import('../validate.ts')).validate(name, input),
  openTarget,
  speechFor,
  isServer: async (io, globals) => (await destinationOf(io, globals)).kind === 'server',
  projectOf,
};
