import { globalFlags } from '../globals.ts';
import type { Topic } from './topic.ts';

const modes: Readonly<Record<string, string>> = {
  auto: 'pretty on a terminal, else json; what is taken where nothing is said',
  pretty: 'tables and records for people; not for programs, for it may change',
  json: 'the answer as the API has it: lists are {"items":[...],"has_more":...}',
  yaml: 'the same as YAML',
  text: 'one line an item, its fields with tabs between; one line a field for a single thing',
};

const choices = globalFlags.find(({ name }) => name === 'output')?.choices ?? [];

export const formatting: Topic = {
  blocks: [
    { text: 'stdout holds the result and nothing else. Whatever is said to a person goes to stderr.' },
    { title: '-o, --output', rows: choices.map((mode) => [mode, modes[mode] ?? '']) },
    {
      title: 'what is shown',
      rows: [
        ['-F id,name', 'these fields only, in this order; of a list, those of its items'],
        ['-q', 'the one-time value alone, such as a new key, else the id; of a list, an id a line'],
        ['--raw', 'what the server answered, as it came'],
        ['--out FILE', 'writes a one-time value to a file (0600) in place of stdout'],
        ['--limit N, --cursor', 'a page of a list; the line that shows the next one stands below the table'],
        ['--no-color', 'no colours; NO_COLOR says the same'],
      ],
    },
    {
      title: 'times and durations',
      rows: [
        ['2027-01-01T00:00:00Z', 'a time: RFC 3339'],
        ['90d', 'a time: so long from now; s, m, h, d and w are seconds to weeks'],
        ['-7d', 'a time: so long ago'],
        ['12h', 'a duration, where one is asked for; a bare number is seconds'],
      ],
    },
    {
      text: 'Times come out in UTC, as RFC 3339; pretty says how far they are off besides.',
    },
    {
      title: 'tags and lists',
      rows: [
        [
          '--tag env=prod',
          'sets a tag; repeatable. On a change the tags given take the place of all; an empty text clears',
        ],
        ['--tag env:prod', 'filters a list; env:* is any value, and several must all fit'],
        ['--role-ids A,B', 'a list: repeated, or with commas between'],
        ['--x, --no-x', 'a switch turned on, and off'],
      ],
    },
    {
      title: 'texts, files and stdin',
      rows: [
        ['@FILE, @-', 'where a flag takes JSON or a secret value: the text of the file, or of stdin'],
        ['-f FILE, -f -', 'the whole input of a command as JSON or YAML; flags win over it'],
        ['--var KEY=VALUE', 'fills in $KEY, in braces or without, in what files and stdin hold'],
      ],
    },
    { text: 'A thing is named by its name, or by its id: key_, prin_, role_, sec_ and 26 letters and digits.' },
    {
      title: 'examples',
      examples: [
        'mobius api-keys list -o json | jq -r ".items[].name"',
        'mobius roles list -o text -F name,id',
        'mobius api-keys create ci --principal-id worker-prod --expires-at 90d -q > ci.key',
      ],
    },
  ],
  related: ['help exit-codes', 'help environment', 'api'],
};
