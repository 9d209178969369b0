import type { Topic } from './topic.ts';

export const references: Topic = {
  blocks: [
    {
      text:
        'A reference stands in the place of a secret value, in a variable, a file of variables or a template. It can be ' +
        'committed: only who may use the secret (mobius.secrets.use) gets the value, and each use is an entry of the audit log.',
    },
    {
      title: 'what is written',
      rows: [
        [`\${secret:openai.api_key}`, 'the value of the key "api_key" in the version of "openai" that is in use'],
        [`\${secret:db/prod@3.password}`, 'the same, and version 3 must be the one in use, else nothing is filled in'],
        [`$\${secret:`, `the text "\${secret:" itself`],
      ],
    },
    {
      text:
        'Names and keys may both hold full stops; where that leaves two readings, the reference is refused as ambiguous ' +
        'and the version says which is meant. A value is never looked at for references. One that can not be resolved ' +
        'stops everything, before a program is started or a byte is written.',
    },
    {
      title: 'where they are filled in',
      rows: [
        ['mobius run --env', 'NAME=TEXT with references in the text'],
        ['mobius run --refs', 'a file of NAME=TEXT lines (--env-file is the same)'],
        ['mobius run --secret', 'NAME=PREFIX_ makes a variable of each key of a secret, no reference needed'],
        ['mobius env', 'the same flags; writes the variables in the words of a shell'],
        ['mobius inject', 'a template of any kind, to the byte'],
        ['mobius.json', '{"env":{"NAME":"text"}} in this folder or one around, once mobius trust was told that it may'],
      ],
    },
    { text: 'Of several that set one variable the last wins: mobius.json, --env-file and --refs, --secret, --env.' },
    {
      title: 'examples',
      examples: [
        `mobius run --env 'API_KEY=\${secret:openai.api_key}' -- env`,
        'mobius inject -i config.tpl.yaml -o config.yaml',
        'eval "$(mobius env --refs refs.env)"',
      ],
    },
  ],
  related: ['run', 'inject', 'env', 'trust', 'secrets create'],
};
