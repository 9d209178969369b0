import { exampleLines } from '../cli/help.ts';
import { pagesOfTopics } from '../cli/topics/all.ts';
import type { Block } from '../cli/topics/topic.ts';
import type { Tree } from './commands.ts';

/** Documents that say what a topic of the help says, for whoever has no mobius at hand. */

const documented = ['exit-codes', 'environment'] as const;

/** As Markdown shows it, to the character. */
const plain = (text: string): string => text.replace(/[|<>*_]/g, (found) => `\\${found}`);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const wrapped = (text: string): string => plain(text).replace(/(?=.{125})(.{1,124}) /g, '$1\n');

const row = ([label, text]: readonly [label: string, text: string]): string => `| \`${label}\` | ${plain(text)} |\n`;

const blockText = (block: Block): string => {
  if ('text' in block) return `${wrapped(block.text)}\n`;
  const title = `## ${capital(block.title)}\n\n`;
  if ('rows' in block) return `${title}| | |\n| --- | --- |\n${block.rows.map(row).join('')}`;
  return `${title}\`\`\`sh\n${block.examples.flatMap(exampleLines).join('\n')}\n\`\`\`\n`;
};

/** By their paths. */
export const documentFiles = (tree: Tree, mark: string): Map<string, string> =>
  new Map(
    documented.map((name) => {
      const { blocks = [] } = pagesOfTopics[name] ?? {};
      const head = `<!-- ${mark} -->\n\n# ${capital(name.replace('-', ' '))}\n\n`;
      const summary = `${capital(tree.topics[name]?.summary ?? '')}. \`mobius help ${name}\` says the same.\n`;
      return [`docs/${name}.md`, [head + summary, ...blocks.map(blockText)].join('\n')];
    }),
  );
