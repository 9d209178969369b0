import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { exits, kinds } from '../../src/errors.ts';
import { documentFiles } from '../../src/tools/documents.ts';

const documentOf = (name: string): string => readFileSync(`docs/${name}.md`, 'utf8');

it('names every exit code and every error code', () => {
  const text = documentOf('exit-codes');
  for (const code of Object.keys(exits)) expect(text).toMatch(new RegExp(`^\\| \`${code}\` \\| \\w`, 'm'));
  for (const [code, { exit, http }] of Object.entries(kinds)) {
    expect(text).toContain(`\n| \`${code}\` | exit ${exit}, HTTP ${http}: `);
  }
});

it('breaks no line of a table, and no word that Markdown would take for its own', () => {
  for (const name of ['exit-codes', 'environment']) {
    for (const line of documentOf(name).split('\n')) {
      if (line.startsWith('|')) expect(line).toMatch(/\|$/);
      else expect(line.length).toBeLessThan(130);
    }
  }
  expect(documentOf('environment')).toContain('but for MOBIUS\\_API\\_KEY: set and empty');
});

it('makes one for each topic that has a document', () => {
  const topics = { 'exit-codes': { summary: 'what is said' }, environment: { summary: 'of them' } };
  const files = documentFiles({ nouns: {}, aliases: {}, hidden: [], topics, pages: [] }, 'made by hand');
  expect([...files.keys()]).toEqual(['docs/exit-codes.md', 'docs/environment.md']);
  expect(files.get('docs/exit-codes.md')).toMatch(/^<!-- made by hand -->\n\n# Exit codes\n\nWhat is said\. /);
});
