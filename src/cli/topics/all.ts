import { environment } from './environment.ts';
import { exitCodes } from './exit-codes.ts';
import { formatting } from './formatting.ts';
import { references } from './references.ts';
import { targets } from './targets.ts';
import type { Topic } from './topic.ts';

/** By the names that `src/commands/index.ts` lists. */
export const pagesOfTopics: Readonly<Record<string, Topic>> = {
  'exit-codes': exitCodes,
  environment,
  formatting,
  references,
  targets,
};
