import type { DialectName } from '../dialects/names.ts';
import type { Io } from '../io.ts';
import type { Call, Input, Name, Output } from '../operations.ts';
import type { NameKind } from './names.ts';

/** What the schema says of one property of an operation's input, as far as a person's hand is concerned. */
export interface Field {
  name: string;
  /**
   * `strings` repeats and splits at commas; `tags` is K=V, repeatable; `json` is text, @file or @-; `time` is RFC 3339;
   * `duration` is whole seconds, or 90d and the like.
   */
  kind: 'string' | 'integer' | 'duration' | 'boolean' | 'strings' | 'tags' | 'json' | 'time';
  /** A time may also be the word "never". */
  never?: boolean;
  /** A list that can't be an empty one. */
  filled?: boolean;
  in: 'path' | 'query' | 'body';
  required: boolean;
  description: string;
  enum?: readonly string[];
  /** Never printed, not even by a dry run. */
  secret?: boolean;
}

/** One property of what an operation answers. */
export interface Shown {
  name: string;
  kind: 'string' | 'integer' | 'boolean' | 'time' | 'strings' | 'object';
}

export interface Fields {
  input: readonly Field[];
  /** Absent where the operation answers nothing. In a list, `shown` describes one item. */
  output?: { list: boolean; shown: readonly Shown[] };
}

/** What a shell can complete where it is typed: the path of a file or folder, or the name of a record. */
export type Takes = 'file' | NameKind;

/** A flag that no schema knows. */
export interface ExtraFlag {
  name: string;
  short?: string;
  /** The word after the flag in the help; absent for a switch. */
  value?: string;
  description: string;
  repeatable?: boolean;
  /** The global flag that it is another spelling of. */
  means?: string;
  choices?: readonly string[];
  takes?: Takes;
  /** It says how a change is made, and is none by itself. */
  modifies?: true;
}

export interface Argument<P extends string = string> {
  /** The input property that it fills, or the name a local command knows it by. */
  name: P;
  /** The word in the help, where it is not the property's own name. */
  label?: string;
  description: string;
  optional?: boolean;
  /** What else it can be, for a shell that completes it. */
  choices?: readonly string[];
  takes?: Takes;
}

export type FlagValues = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** What a command may use besides its input. */
export interface Context {
  io: Io;
  /** Values of the extra flags, by their name. */
  flags: FlagValues;
  /** Global flags after flags and environment were merged. */
  globals: Globals;
  /** Reads `@file`, `@-`, or the text itself. */
  text(value: string): Promise<string>;
  /** The same to the byte: a byte order mark stays. */
  exact(value: string): Promise<string>;
  /** RFC 3339 in UTC, from that or a duration from now such as `90d`. */
  time(value: string): string;
  /** A line for a person, on stderr; nothing where the output is for a machine. */
  say(line: string): void;
  /** What whoever runs this should know, in every mode but a quiet one. */
  note(line: string): void;
  /** A warning for a person, one line on stderr, in every mode. */
  warn(line: string): void;
  /** What is going on, on stderr, where --log-level debug asks for it. Never a value of anybody's. */
  debug(line: string): void;
  prompt: Prompt;
}

export type Dialect = DialectName | 'mobius';

export interface Globals {
  apiUrl?: string;
  apiKey?: string;
  profile?: string;
  project?: string;
  /** The contract of the server: ours, or another system's. */
  dialect?: Dialect;
  /** One of the caller's organizations, where the server's contract has them. */
  organization?: string;
  vault?: string;
  keyFile?: string;
  keyCommand?: string;
  passphraseFile?: string;
  passphraseFd?: number;
  asOwner: boolean;
  /** Shows what the server answered as it came. */
  raw?: boolean;
  output: 'pretty' | 'json' | 'yaml' | 'text';
  fields?: readonly string[];
  quiet: boolean;
  input: boolean;
  color: boolean;
  logLevel: 'error' | 'warn' | 'debug';
}

/** A value that is shown once: never cut short, and taken back if it can't be handed over. */
export interface OneTime<K extends Name> {
  /** What it is, in a sentence; a key where absent. */
  noun?: 'token';
  /** The shown property that holds it, `key` where absent: -F must name it. */
  field?: string;
  /** Whether this input asks for one, and shows it; always, where absent. */
  expected?(input: Input<K>, flags: FlagValues): boolean;
  /** Several stand on a line each. */
  value(output: Output<K>): string | undefined;
  /** The id of what was issued, or all of them, for the sentence that says it was taken back. */
  id(output: Output<K>): string;
  takeBack(call: Call, output: Output<K>, input: Input<K>): Promise<unknown>;
}

export interface FlagNaming {
  name?: string;
  /** A second name for the same. */
  alias?: string;
  short?: string;
  /** The word after the flag in the help. */
  value?: string;
  hidden?: true;
  /** It says how a change is made, and is none by itself. */
  modifies?: true;
  /** Whoever leaves it out is asked, or `prepare` finds it elsewhere. */
  optional?: true;
}

/** What a command has that does its thing in several calls. */
export interface Performing {
  call: Call;
  project: string;
  /** Where the one-time value goes, if not to stdout. */
  file?: string;
  /** Shows a result on stdout; throws where it can't be. A one-time value inside it is set apart. */
  show(result: unknown, oneTime?: string): void;
}

/** In place of the one call, where the target keeps our contract. */
export interface InSteps<K extends Name> {
  /** Whether it is; always, where absent. */
  when?(context: Context): boolean;
  /** Refuses what only several calls can do, where the target's contract takes one. */
  refuseAtOnce?(context: Context): void;
  /** The first call, which a dry run shows; the operation itself, where absent. */
  first?(input: Input<K>, context: Context): { operation: Name; input: Record<string, unknown> };
  run(input: Input<K>, context: Context, performing: Performing): Promise<number>;
}

/**
 * One command over one operation: how a person gives its input and how its output is shown. Every property of the
 * input that is no argument becomes a flag of the same name with the schema's description as its help; one that is an
 * optional argument is both.
 */
export interface OperationCommand<K extends Name = Name> {
  operation: K;
  /** What it does beyond the one-line summary, for the help page. */
  about?: string;
  args?: readonly Argument<string & keyof Input<K>>[];
  /** Properties that a flag says under another name, under a second one, with a short form, or not at all. */
  flags?: { readonly [P in keyof Input<K>]?: FlagNaming };
  extra?: readonly ExtraFlag[];
  /** At least two lines that work when pasted, without `mobius` left out. */
  examples: readonly string[];
  /** What one would look at next, besides what the verb itself brings: words of commands, and of topics: `help targets`. */
  related?: readonly string[];
  /** The property that `--file` may also hold bare: a file with no field of the request is taken for it. */
  bare?: string & keyof Input<K>;
  /** Completes the input from extra flags, stdin or the clock. Runs before validation and before a dry run. */
  prepare?(input: Partial<Input<K>>, context: Context): Promise<Partial<Input<K>>> | Partial<Input<K>>;
  /** Answers without a target what can be told without one; undefined goes on to the call. */
  offline?(input: Input<K>, context: Context): Promise<Output<K> | undefined> | Output<K> | undefined;
  /** What a person is asked before it is done, where there is a danger; without a terminal --yes is needed then. */
  confirm?(input: Input<K>): string | undefined;
  /** Where nobody can be asked it is done without --yes. */
  goesOn?: true;
  /** What is typed to confirm it; without it a yes is enough. */
  named?(input: Input<K>): string;
  /** Properties that nobody has to give, but that whoever is asked for others is asked for too. */
  offers?: readonly (string & keyof Input<K>)[];
  oneTime?: OneTime<K>;
  inSteps?: InSteps<K>;
  /** The shape that is shown, where it differs from what the operation answers. */
  show?(output: Output<K>, input: Input<K>): unknown;
  /** The columns of a list on a terminal, where they are not those that say most of anything. */
  columns?: readonly string[];
  /** The names that -F may pick where `show` gives another shape than what is answered; absent: any. */
  shown?(input: Input<K>, answered: readonly string[]): readonly string[];
  /** The sentence when it is done: past tense, with name and id. */
  done?(output: Output<K>, input: Input<K>): string;
  /** What is done on this machine once the target has done its part, and before anything is shown. */
  afterwards?(output: Output<K>, input: Input<K>, context: Context): Promise<void>;
  /** The exit code of an answer that is itself a no. */
  exit?(output: Output<K>, context: Context): number;
}

/** A command that is no operation: it works on this machine only. */
export interface LocalCommand {
  summary: string;
  about?: string;
  args?: readonly Argument[];
  /** After the arguments, as many words as there are. */
  rest?: Argument;
  /** Everything from the first word on is another program's line, its flags too. */
  passesOn?: true;
  extra?: readonly ExtraFlag[];
  /** It shows with --raw what the server answered. */
  raw?: true;
  /** No person types it: neither the help nor a completion names it. */
  hidden?: true;
  examples: readonly string[];
  related?: readonly string[];
  run(context: LocalContext): Promise<number | undefined>;
}

export interface LocalContext extends Context {
  args: Readonly<Record<string, string | undefined>>;
  /** What was typed for `rest`. */
  rest: readonly string[];
  /** Has a person choose one record of a list. */
  pick(list: Name, question: string, from: { call: Call; project: string }): Promise<string>;
  /** Shows a result on stdout in the chosen output mode. A one-time value inside it is set apart; -q prints it alone. */
  show(result: unknown, oneTime?: string): void;
}

export interface Choice<V extends string = string> {
  value: V;
  name: string;
  /** Seen beside the choice that is about to be made. */
  description?: string;
}

/** Asks a person; every question is a usage error where nobody can be asked. */
export interface Prompt {
  /** False where nobody can be asked: no terminal, or --no-input. */
  readonly possible: boolean;
  confirm(question: string, fallback: boolean): Promise<boolean>;
  /** For what can't be undone: whether this name was typed. */
  named(question: string, name: string): Promise<boolean>;
  select<V extends string>(question: string, choices: readonly Choice<V>[]): Promise<V>;
  /** Any number of them; at least one where `filled` says so. */
  several(question: string, choices: readonly Choice[], options?: { filled?: boolean }): Promise<string[]>;
  /** What `check` finds wrong is said at once, and the question stays. */
  text(
    question: string,
    options?: { fallback?: string; check?(typed: string): Promise<string | undefined> },
  ): Promise<string>;
  /** What is pasted may be of several lines only where `lines` says so. */
  hidden(question: string, options?: { lines?: boolean }): Promise<string>;
}

/** Where a question is asked, until the signal gives it up. */
export interface Questioned extends NonNullable<Io['terminal']> {
  signal: AbortSignal;
}

/** How questions are drawn on one kind of terminal. */
export interface Asker {
  confirm(asked: { message: string; default: boolean }, context: Questioned): Promise<boolean>;
  select(asked: { message: string; choices: readonly Choice[] }, context: Questioned): Promise<string>;
  several(
    asked: { message: string; choices: readonly Choice[]; filled: boolean },
    context: Questioned,
  ): Promise<string[]>;
  text(
    asked: { message: string; fallback: string | undefined; check(typed: string): Promise<string | true> },
    context: Questioned,
  ): Promise<string>;
  hidden(asked: { message: string }, context: Questioned): Promise<string>;
}

export type AnyCommand = { kind: 'operation'; spec: OperationCommand } | { kind: 'local'; spec: LocalCommand };

export const operationCommand = <K extends Name>(spec: OperationCommand<K>): AnyCommand => ({
  kind: 'operation',
  spec: spec as unknown as OperationCommand,
});

export const localCommand = (spec: LocalCommand): AnyCommand => ({ kind: 'local', spec });
