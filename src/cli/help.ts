import { exits } from '../errors.ts';
import type { AnyCommand, Argument, ExtraFlag, LocalCommand } from './command.ts';
import { lineFor } from './find.ts';
import type { Flag } from './flags.ts';
import { type GlobalFlag, globalFlags } from './globals.ts';
import { labelOf } from './invocation.ts';
import type { Product } from './product.ts';
import type { Topic } from './topics/topic.ts';

const width = 80;
const widestLabel = 28;

/** The text in lines of at most this length. A word that is longer has a line of its own. */
export const wrap = (text: string, length: number): string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > length) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
};

type Row = readonly [label: string, text: string];

/** Labels on the left, texts on the right; a label that is too wide stands above its text. */
const table = (rows: readonly Row[]): string => {
  const fitting = rows.map(([label]) => label.length).filter((length) => length <= widestLabel);
  const column = 2 + Math.max(0, ...fitting) + 2;
  const lines = rows.flatMap(([label, text]) => {
    const wrapped = wrap(text, width - column).map((line) => ' '.repeat(column) + line);
    const start = `  ${label}`;
    if (start.length + 2 > column) return [start, ...wrapped];
    const [first = '', ...others] = wrapped;
    return [start.padEnd(column) + first.slice(column), ...others];
  });
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
};

const section = (title: string, body: string): string => (body === '' ? '' : `\n${title}:\n${body}`);

const paragraph = (text: string): string => `${wrap(text, width).join('\n')}\n`;

/** Between flags and commands, but never inside single quotes: there a shell would take the backslash as it is. */
const breakable = /(?:'[^']*'|(?! --| \| )[^'])+/g;

/** Long lines go on in the next one, as a shell takes them when they are pasted. */
export const exampleLines = (line: string): string[] => {
  const lines: string[] = [];
  for (const [part] of line.matchAll(breakable)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + part.length + 1 > width - 6) lines.push(part);
    else lines[lines.length - 1] = `${last} ${part}`;
  }
  return lines.map((part, at) => (at === 0 ? '' : '    ') + part + (at < lines.length - 1 ? ' \\' : ''));
};

const example = (line: string): string =>
  exampleLines(line)
    .map((part) => `  ${part}\n`)
    .join('');

const examples = (lines: readonly string[], title = 'examples'): string => section(title, lines.map(example).join(''));

/** A command is not broken in its middle: what can be read can be typed. */
const seeAlso = (related: readonly string[]): string => {
  const start = 'see also: ';
  const lines: string[] = [];
  for (const one of related.map((words, at) => lineFor([words]) + (at < related.length - 1 ? ',' : ''))) {
    const last = lines.at(-1);
    if (last === undefined || start.length + last.length + 1 + one.length > width) lines.push(one);
    else lines[lines.length - 1] = `${last} ${one}`;
  }
  return lines.map((line, at) => `${(at === 0 ? start : '').padEnd(start.length)}${line}\n`).join('');
};

export const wordOf = (flag: ExtraFlag): string => (flag.value === undefined ? '' : ` ${flag.value}`);

const flagLabel = (flag: ExtraFlag & { alias?: string }): string => {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const alias = flag.alias === undefined ? '' : `, --${flag.alias}`;
  return `${short}--${flag.name}${alias}${wordOf(flag)}`;
};

export const flagText = (flag: Flag, args: readonly Argument[]): string => {
  const same = args.find(({ name }) => name === flag.field?.name);
  if (same !== undefined) return `the same as ${labelOf(same)}`;
  const choices = flag.choices === undefined ? '' : `: ${flag.choices.join(', ')}`;
  return flag.description + choices + (flag.required === true ? ' (required)' : '');
};

/** An argument that may be left out because a flag can say the same is needed all the same. */
const isNeeded = ({ name, optional }: Argument, flags: readonly Flag[]): boolean =>
  optional !== true || flags.some((flag) => flag.field?.name === name && flag.required === true);

/** What is typed: the words, then what must follow, then what may. */
export const usageOf = (
  words: readonly string[],
  { args = [], rest, passesOn }: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'>,
  flags: readonly Flag[],
): string => {
  const places = args.map((arg) => (isNeeded(arg, flags) ? labelOf(arg) : `[${labelOf(arg)}]`));
  const filled = new Set<string>(args.map(({ name }) => name));
  const required = flags
    .filter((flag) => flag.required === true && flag.hidden !== true && !filled.has(flag.field?.name ?? ''))
    .map((flag) => `--${flag.name}${wordOf(flag)}`);
  const many = rest === undefined ? [] : [rest.optional === true ? `[${labelOf(rest)} ...]` : `${labelOf(rest)} ...`];
  const tail = passesOn === true ? ['[--]', ...many] : many;
  return [lineFor(words), ...places, ...required, '[flags]', ...tail].join(' ');
};

const usage = (line: string): string => {
  const [first = '', ...others] = wrap(line, width - 9);
  return [`usage: ${first}`, ...others.map((line) => ' '.repeat(9) + line)].map((line) => `${line}\n`).join('');
};

export interface Described {
  words: readonly string[];
  summary: string;
  command: AnyCommand;
  flags: readonly Flag[];
  /** Words of commands and topics. */
  related: readonly string[];
}

/** The flags that are a command's own, as far as they are listed. */
export const ownFlags = (flags: readonly Flag[]): Flag[] =>
  flags.filter((flag) => flag.from !== 'global' && flag.hidden !== true);

export const commandHelp = ({ words, summary, command, flags, related }: Described): string => {
  const { about, args = [], examples: lines } = command.spec;
  const local: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'> = command.spec;
  const { rest } = local;
  const listed = rest === undefined ? args : [...args, rest];
  const own = ownFlags(flags);
  return [
    paragraph(`${lineFor(words)}: ${summary}`),
    `\n${usage(usageOf(words, local, own))}`,
    about === undefined ? '' : `\n${paragraph(about)}`,
    section('arguments', table(listed.map((arg): Row => [labelOf(arg), arg.description]))),
    section('flags', table(own.map((flag): Row => [flagLabel(flag), flagText(flag, args)]))),
    examples(lines),
    `\n${seeAlso(related)}`,
    '\nglobal flags, such as -o, -F, -q and --project: mobius --help\n',
  ].join('');
};

export const nounHelp = ({ nouns, commands }: Product, noun: string): string => {
  const { summary = '', alias } = nouns[noun] ?? {};
  const verbs = Object.entries(commands[noun] ?? {}).filter(([, { hidden }]) => hidden !== true);
  return [
    paragraph(`mobius ${noun}: ${summary}`),
    `\nusage: mobius ${noun} <verb> [arguments] [flags]\n`,
    alias === undefined ? '' : `       "mobius ${alias}" is the same\n`,
    section('verbs', table(verbs.map(([verb, entry]): Row => [verb, entry.summary]))),
    `\neach verb's flags and examples: mobius ${noun} <verb> --help\n`,
  ].join('');
};

export const topicHelp = (name: string, summary: string, { blocks, related }: Topic): string =>
  [
    paragraph(`mobius help ${name}: ${summary}`),
    ...blocks.map((block) => {
      if ('text' in block) return `\n${paragraph(block.text)}`;
      return 'rows' in block ? section(block.title, table(block.rows)) : examples(block.examples, block.title);
    }),
    `\n${seeAlso(related)}`,
  ].join('');

export const groups: readonly Row[] = [
  ['start', 'start here'],
  ['access', 'who may do what'],
  ['secrets', 'secrets and tokens'],
  ['vault', 'on this machine'],
  ['more', 'more'],
];

export const globalText = (flag: GlobalFlag): string =>
  [
    flag.description,
    flag.choices === undefined ? '' : `: ${flag.choices.join(', ')}`,
    flag.variable === undefined ? '' : ` [${flag.variable}]`,
  ].join('');

/** Those of every command. */
const exitCodes = Object.entries(exits)
  .filter(([code]) => !['126', '127'].includes(code))
  .map(([code, said]) => `${code} ${said}`)
  .join(', ');

export const productSummary =
  "mobius: API keys, secrets and short-lived tokens, in a sealed vault or on a team's server";

type Listed = Pick<Product, 'nouns'> & { commands: Readonly<Record<string, unknown>> };

/** The nouns of one part of the help; one whose part is not known is among the last. */
export const nounsIn = ({ nouns, commands }: Listed, group: string): Row[] => {
  const named = new Set(groups.map(([name]) => name));
  return Object.entries(nouns)
    .filter(([noun]) => commands[noun] !== undefined)
    .filter(([, entry]) => (named.has(entry.group) ? entry.group : 'more') === group)
    .map(([noun, entry]) => [noun, entry.summary]);
};

export const rootExamples: readonly string[] = [
  'mobius quickstart',
  'mobius principals create worker-prod --role Worker --with-key',
  'mobius api-keys list -o json',
  'mobius help api-keys create',
];

export const rootHelp = (product: Product): string => {
  const { aliases, topics } = product;
  const short = Object.entries(aliases).map(([alias, words]): Row => [alias, lineFor(words)]);
  return [
    paragraph(productSummary),
    '\nusage: mobius <noun> <verb> [arguments] [flags]\n',
    ...groups.map(([group, title]) => section(title, table(nounsIn(product, group)))),
    section('short ways', table(short)),
    section(
      'global flags, before or after the noun and the verb',
      table(globalFlags.map((flag): Row => [flagLabel(flag), globalText(flag)])),
    ),
    section(
      'topics: mobius help <topic>',
      table(Object.entries(topics).map(([name, entry]): Row => [name, entry.summary])),
    ),
    `\n${paragraph(`exit codes: ${exitCodes}`)}`,
    examples(rootExamples),
    '\neverything here for programs: mobius help --json\n',
  ].join('');
};
