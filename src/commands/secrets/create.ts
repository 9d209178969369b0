import { operationCommand } from '../../cli/command.ts';
import { askedValues, valueFlags, valuesFrom } from '../../cli/secret-values.ts';

export default operationCommand({
  operation: 'secrets.create',
  about:
    'A value goes in and is never shown again: use it with run, inject or env. Give values by prompt, file, stdin or ' +
    'variable rather than on the command line, where other programs can read them. --file takes the whole input, or ' +
    'a plain map of keys and values.',
  args: [{ name: 'name', description: 'unique in the project; slashes make groups', optional: true }],
  flags: { values: { value: 'JSON|@FILE|@-', optional: true } },
  extra: valueFlags,
  bare: 'values',
  examples: [
    'mobius secrets create db/prod --generate password:40 --tag env=prod',
    'mobius secrets create openai --description "OpenAI key used by the summarizer" --set api_key=@key.txt',
    'mobius secrets create tls --values @tls.json --expires-at 90d',
  ],
  related: ['run', 'secrets update', 'help references'],
  async prepare(input, context) {
    const given = (await valuesFrom(context, input.values)) ?? (await askedValues(context));
    return { ...input, values: given.values };
  },
  done: ({ name, id, version }) => `created secret "${name}" (${id}), version ${version}`,
});
