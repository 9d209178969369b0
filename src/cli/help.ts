import type { AnyCommand, Argument, ExtraFlag, LocalCommand } from './command.ts';
import { lineFor } from './find.ts';
import type { Flag } from './flags.ts';
import { type GlobalFlag, globalFlags } from './globals.ts';
import { labelOf } from './invocation.ts';
import type { Product } from './product.ts';

const width = 80;
const widestLabel = 28;

/** The text in lines of at most this length. A word that is longer has a line of its own. */
const wrap = (text: string, length: number): string[] => {
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
const example = (line: string): string => {
  const lines: string[] = [];
  for (const [part] of line.matchAll(breakable)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + part.length + 1 > width - 6) lines.push(part);
    else lines[lines.length - 1] = `${last} ${part}`;
  }
  return `  ${lines.join(' \\\n      ')}\n`;
};

const examples = (lines: readonly string[]): string => section('examples', lines.map(example).join(''));

const word = (flag: ExtraFlag): string => (flag.value === undefined ? '' : ` ${flag.value}`);

const flagLabel = (flag: ExtraFlag & { alias?: string }): string => {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const alias = flag.alias === undefined ? '' : `, --${flag.alias}`;
  return `${short}--${flag.name}${alias}${word(flag)}`;
};

const flagText = (flag: Flag, args: readonly Argument[]): string => {
  const same = args.find(({ name }) => name === flag.field?.name);
  if (same !== undefined) return `the same as ${labelOf(same)}`;
  const choices = flag.choices === undefined ? '' : `: ${flag.choices.join(', ')}`;
  return flag.description + choices + (flag.required === true ? ' (required)' : '');
};

/** An argument that may be left out because a flag can say the same is needed all the same. */
const isNeeded = ({ name, optional }: Argument, flags: readonly Flag[]): boolean =>
  optional !== true || flags.some((flag) => flag.field?.name === name && flag.required === true);

const usage = (
  words: readonly string[],
  { args = [], rest, passesOn }: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'>,
  flags: readonly Flag[],
): string => {
  const places = args.map((arg) => (isNeeded(arg, flags) ? labelOf(arg) : `[${labelOf(arg)}]`));
  const filled = new Set<string>(args.map(({ name }) => name));
  const required = flags
    .filter((flag) => flag.required === true && flag.hidden !== true && !filled.has(flag.field?.name ?? ''))
    .map((flag) => `--${flag.name}${word(flag)}`);
  const many = rest === undefined ? [] : [rest.optional === true ? `[${labelOf(rest)} ...]` : `${labelOf(rest)} ...`];
  const tail = passesOn === true ? ['[--]', ...many] : many;
  const line = [lineFor(words), ...places, ...required, '[flags]', ...tail].join(' ');
  const [first = '', ...others] = wrap(line, width - 9);
  return [`usage: ${first}`, ...others.map((line) => ' '.repeat(9) + line)].map((line) => `${line}\n`).join('');
};

export const commandHelp = ({
  words,
  summary,
  command,
  flags,
}: {
  words: readonly string[];
  summary: string;
  command: AnyCommand;
  flags: readonly Flag[];
}): string => {
  const { about, args = [], examples: lines } = command.spec;
  const local: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'> = command.spec;
  const { rest } = local;
  const listed = rest === undefined ? args : [...args, rest];
  const own = flags.filter((flag) => flag.from !== 'global' && flag.hidden !== true);
  return [
    paragraph(`${lineFor(words)}: ${summary}`),
    `\n${usage(words, local, own)}`,
    about === undefined ? '' : `\n${paragraph(about)}`,
    section('arguments', table(listed.map((arg): Row => [labelOf(arg), arg.description]))),
    section('flags', table(own.map((flag): Row => [flagLabel(flag), flagText(flag, args)]))),
    examples(lines),
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

const groups: readonly Row[] = [
  ['start', 'start here'],
  ['access', 'who may do what'],
  ['secrets', 'secrets and tokens'],
  ['vault', 'on this machine'],
  ['more', 'more'],
];

const globalText = (flag: GlobalFlag): string =>
  [
    flag.description,
    flag.choices === undefined ? '' : `: ${flag.choices.join(', ')}`,
    flag.variable === undefined ? '' : ` [${flag.variable}]`,
  ].join('');

const exitCodes =
  'exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 locked or not set up, 4 not authenticated or not allowed, ' +
  '5 not found, 6 conflict, 7 unreachable or server fault, 130 interrupted';

const summary = "mobius: API keys, secrets and short-lived tokens, in a sealed vault or on a team's server";

export const rootHelp = ({ nouns, aliases, commands }: Product): string => {
  const known = Object.entries(nouns).filter(([noun]) => commands[noun] !== undefined);
  const named = new Set(groups.map(([group]) => group));
  const inGroup = (group: string): Row[] =>
    known
      .filter((entry) => (named.has(entry[1].group) ? entry[1].group : 'more') === group)
      .map(([noun, entry]) => [noun, entry.summary]);
  const short = Object.entries(aliases).map(([alias, words]): Row => [alias, lineFor(words)]);
  return [
    paragraph(summary),
    '\nusage: mobius <noun> <verb> [arguments] [flags]\n',
    ...groups.map(([group, title]) => section(title, table(inGroup(group)))),
    section('short ways', table(short)),
    section(
      'global flags, before or after the noun and the verb',
      table(globalFlags.map((flag): Row => [flagLabel(flag), globalText(flag)])),
    ),
    `\n${paragraph(exitCodes)}`,
    examples([
      'mobius quickstart',
      'mobius principals create worker-prod --role Worker --with-key',
      'mobius api-keys list -o json',
      'mobius help api-keys create',
    ]),
  ].join('');
};
