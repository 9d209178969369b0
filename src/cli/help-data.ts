import { type Code, exits, kinds } from '../errors.ts';
import type { Operation } from '../operations.ts';
import type { Argument, ExtraFlag, LocalCommand } from './command.ts';
import { lineFor } from './find.ts';
import type { Flag } from './flags.ts';
import { globalFlags } from './globals.ts';
import { type Described, ownFlags, usageOf } from './help.ts';
import { describedOf, type Page } from './help-pages.ts';
import { labelOf } from './invocation.ts';
import type { Product } from './product.ts';
import { pagesOfTopics } from './topics/all.ts';

/** The help as data. Whatever it says is listed in schemas/help.schema.json, and stays as it is. */

type Told = Readonly<Record<string, unknown>>;

/** What is said of a flag wherever it stands; what does not hold is left out. */
const flagIn = ({ name, short, value, choices, repeatable, description }: ExtraFlag): Told => ({
  name,
  ...(short === undefined ? {} : { short }),
  ...(value === undefined ? {} : { value }),
  ...(choices === undefined ? {} : { choices }),
  ...(repeatable === true ? { repeatable } : {}),
  description,
});

const flagOf = (flag: Flag, all: readonly Flag[]): Told => {
  const { field, alias, required, value } = flag;
  const isNegatable = all.some(({ negates, name }) => negates === true && name === `no-${flag.name}`);
  return {
    ...flagIn(flag),
    type: field?.kind ?? (value === undefined ? 'boolean' : 'string'),
    required: required === true,
    ...(alias === undefined ? {} : { alias }),
    ...(isNegatable ? { negatable: true } : {}),
    ...(field === undefined ? {} : { property: field.name }),
    ...(field?.secret === true ? { secret: true } : {}),
  };
};

const globals = globalFlags.map((flag) => ({
  ...flagIn(flag),
  type: flag.value === undefined ? 'boolean' : 'string',
  ...(flag.variable === undefined ? {} : { variable: flag.variable }),
  ...(flag.default === undefined ? {} : { default: flag.default }),
}));

const argumentOf = (argument: Argument, isRest: boolean): Told => ({
  name: argument.name,
  label: labelOf(argument),
  description: argument.description,
  required: argument.optional !== true,
  ...(isRest ? { repeatable: true } : {}),
});

const operationOf = async (product: Product, name: keyof Product['operations']): Promise<Told> => {
  const { method, path, status, access, scope, permission, interactive, oneTime }: Operation = product.operations[name];
  const { output } = await product.fields(name);
  return {
    name,
    method,
    path,
    status,
    access,
    scope,
    ...(permission === undefined ? {} : { permission }),
    ...(interactive === undefined ? {} : { interactive }),
    ...(oneTime === undefined ? {} : { one_time: oneTime }),
    ...(output === undefined ? {} : { output: { list: output.list, fields: output.shown } }),
  };
};

const commandOf = async (product: Product, described: Described): Promise<Told> => {
  const { words, summary, command, flags, related } = described;
  const { about, args = [], examples } = command.spec;
  const local: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'> = command.spec;
  const own = ownFlags(flags);
  return {
    words,
    summary,
    ...(about === undefined ? {} : { about }),
    usage: usageOf(words, local, own),
    arguments: [
      ...args.map((argument) => argumentOf(argument, false)),
      ...(local.rest === undefined ? [] : [argumentOf(local.rest, true)]),
    ],
    ...(local.passesOn === true ? { passes_on: true } : {}),
    flags: own.map((flag) => flagOf(flag, flags)),
    examples,
    related: related.map((one) => lineFor([one])),
    ...(command.kind === 'operation' ? { operation: await operationOf(product, command.spec.operation) } : {}),
  };
};

/** The commands of these nouns, one after the other: each is loaded. */
const commandsOf = async (product: Product, nouns: readonly string[]): Promise<Told[]> => {
  const told: Told[] = [];
  for (const noun of nouns) {
    for (const [verb, entry] of Object.entries(product.commands[noun] ?? {})) {
      if (entry.hidden === true) continue;
      const words = verb === '' ? [noun] : [noun, verb];
      told.push(await commandOf(product, await describedOf(product, words, entry)));
    }
  }
  return told;
};

const nounOf = ({ nouns }: Product, name: string): Told => {
  const { summary, alias, group } = nouns[name] ?? {};
  return { name, summary, group, ...(alias === undefined ? {} : { alias }) };
};

const topicOf = ({ topics }: Product, name: string): Told => {
  const { blocks, related = [] } = pagesOfTopics[name] ?? {};
  return {
    name,
    summary: topics[name]?.summary,
    blocks: blocks?.map((block) =>
      'rows' in block ? { ...block, rows: block.rows.map(([label, text]) => ({ label, text })) } : block,
    ),
    related: related.map((one) => lineFor([one])),
  };
};

const whole = async (product: Product): Promise<Told> => {
  const { version } = await import('../version.ts');
  const nouns = Object.keys(product.nouns).filter((noun) => product.commands[noun] !== undefined);
  return {
    version,
    global_flags: globals,
    nouns: nouns.map((noun) => nounOf(product, noun)),
    short_ways: Object.entries(product.aliases).map(([name, words]) => ({ name, words })),
    commands: await commandsOf(product, nouns),
    topics: Object.keys(product.topics).map((name) => topicOf(product, name)),
    exit_codes: Object.entries(exits).map(([code, summary]) => ({ code: Number(code), summary })),
    error_codes: (Object.keys(kinds) as Code[]).map((code) => ({
      code,
      exit_code: kinds[code].exit,
      http_status: kinds[code].http,
    })),
  };
};

/** All of it, or what one page is about: a noun with its commands, one command, one topic. */
export const tell = async (product: Product, { words, topic, entry }: Page): Promise<Told> => {
  if (topic !== undefined) return topicOf(product, topic);
  if (entry !== undefined) return commandOf(product, await describedOf(product, words, entry));
  const [noun] = words;
  if (noun === undefined) return whole(product);
  return { ...nounOf(product, noun), commands: await commandsOf(product, [noun]) };
};
