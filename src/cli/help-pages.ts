import { flagsOf } from './flags.ts';
import { commandHelp, type Described, nounHelp, rootHelp, topicHelp } from './help.ts';
import { type CommandEntry, loadCommand, type Product } from './product.ts';
import { relatedTo } from './related.ts';

/** One page: of a topic, of a command, of a noun, or the first one. */
export interface Page {
  words: readonly string[];
  topic?: string | undefined;
  entry?: CommandEntry | undefined;
}

/** What is known of a command, for whichever kind of page. */
export const describedOf = async (
  product: Product,
  words: readonly string[],
  entry: CommandEntry,
): Promise<Described> => {
  const command = await loadCommand(product, entry);
  return {
    words,
    summary: entry.summary,
    command,
    flags: flagsOf(command, command.kind === 'operation' ? command.known : undefined),
    related: relatedTo(product, words, command.spec.related),
  };
};

/** As a person reads it. */
export const pageOf = async (product: Product, { words, topic, entry }: Page): Promise<string> => {
  if (entry !== undefined) return commandHelp(await describedOf(product, words, entry));
  if (topic !== undefined) {
    const { pagesOfTopics } = await import('./topics/all.ts');
    return topicHelp(topic, product.topics[topic]?.summary ?? '', pagesOfTopics[topic] ?? { blocks: [], related: [] });
  }
  const [noun] = words;
  return noun === undefined ? rootHelp(product) : nounHelp(product, noun);
};

/** As a program reads it: schemas/help.schema.json describes it. */
export const tellingOf = async (product: Product, page: Page, form: 'json' | 'yaml'): Promise<string> => {
  const { tell } = await import('./help-data.ts');
  const value = await tell(product, page);
  if (form === 'json') return `${JSON.stringify(value, undefined, 2)}\n`;
  const { stringify } = await import('./yaml.ts');
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
};
