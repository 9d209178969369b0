import { type Context, operationCommand } from '../../cli/command.ts';
import { askedValues, type SecretValues, valueFlags, valuesFrom } from '../../cli/secret-values.ts';
import type { Input } from '../../operations.ts';

const saysNothing = ['project', 'secret', 'merge', 'stage', 'if_version'];

/** At a terminal, whoever says nothing of what is to change most likely has a new value at hand. */
const askedInstead = async (
  input: Partial<Input<'secrets.update'>>,
  context: Context,
): Promise<{ values: SecretValues; single: boolean } | undefined> => {
  if (!context.prompt.possible || Object.keys(input).some((name) => !saysNothing.includes(name))) return undefined;
  return { ...(await askedValues(context)), single: true };
};

export default operationCommand({
  operation: 'secrets.update',
  about:
    'New values make a new version, which is in use at once; the one before is disabled and kept. --values, --file and ' +
    '--dotenv give all values of the new version. The flags for single keys change these keys and keep the others, ' +
    'unless --no-merge is given. Values that are equal to those in use make no new version.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  flags: {
    values: { value: 'JSON|@FILE|@-' },
    merge: { modifies: true },
    stage: { modifies: true },
    if_version: { modifies: true },
  },
  extra: valueFlags,
  bare: 'values',
  examples: [
    'mobius secrets update openai --set api_key=@new-key.txt',
    'mobius secrets update openai --file new-creds.json --var ENV=prod',
    'mobius secrets update db/prod --generate password:40 --if-version 3',
    'mobius secrets update openai --expires-at 90d --tag team=core',
  ],
  related: ['secrets edit', 'secrets rollback', 'secrets list-versions'],
  async prepare(input, context) {
    const given = (await valuesFrom(context, input.values)) ?? (await askedInstead(input, context));
    if (given === undefined) return input;
    return { ...input, values: given.values, ...(given.single && input.merge === undefined ? { merge: true } : {}) };
  },
  done({ name, version, staged_version: staged, values_unchanged: same }) {
    if (same === true) return `the values are those that "${name}" has already, so there is no new version`;
    if (staged === undefined) return `updated secret "${name}", version ${version}`;
    return `staged version ${staged} of secret "${name}"; to use it: mobius secrets enable-version ${name} ${staged}`;
  },
});
