import type { Argument, LocalCommand } from '../cli/command.ts';
import type { Flag } from '../cli/flags.ts';
import { globalFlags } from '../cli/globals.ts';
import {
  exampleLines,
  flagText,
  globalText,
  groups,
  nounsIn,
  ownFlags,
  productSummary,
  rootExamples,
  usageOf,
  wordOf,
  wrap,
} from '../cli/help.ts';
import { labelOf } from '../cli/invocation.ts';
import { relatedTo } from '../cli/related.ts';
import { pagesOfTopics } from '../cli/topics/all.ts';
import type { Block } from '../cli/topics/topic.ts';
import { exits } from '../errors.ts';
import { type Page, type Tree, wordsOf } from './commands.ts';

/** Pages of the manual, in the macros of man(7): what the help says, by the same data. */

const special: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '…': '...',
};

/** A text as roff prints it, to the character: a hyphen that is copied must be the one that was typed. */
const plain = (text: string): string => text.replace(/[\\'`^~…-]/g, (found) => special[found] ?? found);

/** One that begins a line must not be taken for a request. */
const line = (text: string): string => plain(text).replace(/^\./, '\\&.');

const quoted = (text: string): string => `"${plain(text).replaceAll('"', '\\(dq')}"`;

const filled = (text: string): string =>
  wrap(text, 72)
    .map((one) => `${line(one)}\n`)
    .join('');

const paragraph = (text: string): string => `.PP\n${filled(text)}`;

const entry = (label: string, text: string): string => `.TP\n.B ${quoted(label)}\n${filled(text)}`;

const section = (title: string, body: string): string =>
  body === '' ? '' : `.SH ${quoted(title.toUpperCase())}\n${body.replace(/^\.PP\n/, '')}`;

const verbatim = (lines: readonly string[]): string => `.PP\n.RS 4\n.nf\n${lines.map(line).join('\n')}\n.fi\n.RE\n`;

const examples = (lines: readonly string[]): string =>
  section('examples', lines.map((one) => verbatim(exampleLines(one))).join(''));

/** The page that says more of `api-keys create`, or of `help targets`. */
const reference = (words: string): string => {
  const [first = '', second] = words.split(' ');
  return first === 'help' && second !== undefined
    ? `.BR ${plain(`mobius-${second}`)} (7)`
    : `.BR ${plain(['mobius', ...words.split(' ')].join('-'))} (1)`;
};

/** As the macro wants it, the comma stands with the number of the part. */
const seeAlso = (references: readonly string[]): string =>
  section('see also', `${[...new Set(references)].join(',\n')}\n`);

const head = (name: string, part: 1 | 7, summary: string): string =>
  // Without a date, for it would be that of the build. No word is broken: it may be one that is typed.
  `.TH ${quoted(name.toUpperCase())} ${part} "" "mobius" ${quoted('manual of mobius')}\n.nh\n.ad l\n` +
  section('name', `${plain(name)} \\- ${plain(summary)}\n`);

const label = (flag: Flag): string => {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const alias = flag.alias === undefined ? '' : `, --${flag.alias}`;
  return `${short}--${flag.name}${alias}${wordOf(flag)}`;
};

const exitStatus = section('exit status', `All codes stand in\n.BR ${plain('mobius-exit-codes')} (7).\n`);

const commandPage = (page: Page, commands: Commands): string => {
  const { command, flags, summary } = page;
  const { args = [], about = '', examples: lines, related } = command.spec;
  const local: Pick<LocalCommand, 'args' | 'rest' | 'passesOn'> = command.spec;
  const own = ownFlags(flags);
  const words = wordsOf(page).split(' ');
  const listed: readonly Argument[] = local.rest === undefined ? args : [...args, local.rest];
  const start = ['mobius', ...words].join(' ');
  return [
    head(['mobius', ...words].join('-'), 1, summary),
    section('synopsis', `.B ${quoted(start)}\n${line(usageOf(words, local, own).slice(start.length + 1))}\n`),
    section('description', paragraph(about === '' ? summary : about)),
    section('arguments', listed.map((one) => entry(labelOf(one), one.description)).join('')),
    section('options', own.map((flag) => entry(label(flag), flagText(flag, args))).join('')),
    section('global options', 'They are those of\n.BR mobius (1).\n'),
    exitStatus,
    examples(lines),
    seeAlso([...relatedTo({ commands }, words, related).map(reference), '.BR mobius (1)']),
  ].join('');
};

type Commands = Readonly<Record<string, Readonly<Record<string, Page>>>>;

const nounPage = ({ nouns }: Tree, noun: string, verbs: readonly Page[]): string => {
  const { summary = '', alias } = nouns[noun] ?? {};
  const same = alias === undefined ? '' : paragraph(`"mobius ${alias}" is the same.`);
  return [
    head(`mobius-${noun}`, 1, summary),
    section('synopsis', `.B ${quoted(`mobius ${noun}`)}\n<verb> [arguments] [flags]\n`),
    section(
      'description',
      paragraph(`Each verb has a page of its own, such as mobius-${noun}-${verbs[0]?.verb}.`) + same,
    ),
    section('verbs', verbs.map(({ verb, summary: text }) => entry(verb, text)).join('')),
    seeAlso([...verbs.map((page) => reference(wordsOf(page))), '.BR mobius (1)']),
  ].join('');
};

const blockText = (block: Block): string => {
  if ('text' in block) return paragraph(block.text);
  if ('rows' in block) return section(block.title, block.rows.map(([name, text]) => entry(name, text)).join(''));
  return examples(block.examples);
};

/** What stands before the first table is the description; what stands behind one is of it. */
const topicPage = (name: string, summary: string): string => {
  const { blocks = [], related = [] } = pagesOfTopics[name] ?? {};
  return [
    head(`mobius-${name}`, 7, summary),
    '.SH "DESCRIPTION"\n',
    ...blocks.map((block, at) => (at === 0 ? blockText(block).replace(/^\.PP\n/, '') : blockText(block))),
    seeAlso([...related.map(reference), '.BR mobius (1)']),
  ].join('');
};

const rootPage = (tree: Tree, commands: Commands): string =>
  [
    head('mobius', 1, productSummary.replace(/^mobius: /, '')),
    section('synopsis', '.B mobius\n<noun> <verb> [arguments] [flags]\n'),
    section(
      'description',
      paragraph(
        'Each noun has a page of its own, such as mobius-secrets, and so has each verb: mobius-secrets-create.',
      ) + paragraph('The same is shown by mobius help, and as data by mobius help --json.'),
    ),
    ...groups.map(([group, title]) =>
      section(
        title,
        nounsIn({ ...tree, commands }, group)
          .map(([noun, text]) => entry(noun, text))
          .join(''),
      ),
    ),
    section(
      'short ways',
      Object.entries(tree.aliases)
        .map(([alias, words]) => entry(`mobius ${alias}`, `mobius ${words.join(' ')}`))
        .join(''),
    ),
    section(
      'global options',
      paragraph('They stand before or after the noun and the verb.') +
        globalFlags.map((flag) => entry(label({ ...flag, from: 'global' }), globalText(flag))).join(''),
    ),
    section('environment', `All variables that are read stand in\n.BR ${plain('mobius-environment')} (7).\n`),
    section(
      'exit status',
      Object.entries(exits)
        .map(([code, text]) => entry(code, text))
        .join(''),
    ),
    examples(rootExamples),
    seeAlso([
      ...Object.keys(tree.topics).map((topic) => reference(`help ${topic}`)),
      ...Object.keys(tree.nouns).map(reference),
    ]),
  ].join('');

/** By file name, as the manual looks for them. */
export const manFiles = (tree: Tree, mark: string): Map<string, string> => {
  const verbsOf = (noun: string): Page[] => tree.pages.filter((page) => page.noun === noun);
  const commands: Commands = Object.fromEntries(
    Object.keys(tree.nouns).map((noun) => [noun, Object.fromEntries(verbsOf(noun).map((page) => [page.verb, page]))]),
  );
  const nouns = Object.keys(tree.nouns).filter((noun) => commands[noun]?.[''] === undefined);
  const files: [string, string][] = [
    ['mobius.1', rootPage(tree, commands)],
    ...nouns.map((noun): [string, string] => [`mobius-${noun}.1`, nounPage(tree, noun, verbsOf(noun))]),
    ...tree.pages.map((page): [string, string] => [
      `${['mobius', ...wordsOf(page).split(' ')].join('-')}.1`,
      commandPage(page, commands),
    ]),
    ...Object.entries(tree.topics).map(([name, { summary }]): [string, string] => [
      `mobius-${name}.7`,
      topicPage(name, summary),
    ]),
  ];
  return new Map(files.map(([name, text]) => [name, `.\\" ${mark}\n${text}`]));
};

/** npm links into the manual what the package names one by one, and no folder. */
export const withManPages = (manifest: string, names: readonly string[]): string => {
  const { man: _, ...rest } = JSON.parse(manifest) as Record<string, unknown>;
  const entries = Object.entries(rest).flatMap(([name, value]): [string, unknown][] =>
    name === 'files'
      ? [
          [name, value],
          ['man', names.map((one) => `./man/${one}`)],
        ]
      : [[name, value]],
  );
  return `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
};
