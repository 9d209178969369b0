import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.rollback',
  about: 'History only grows: the old values come back as a new version.',
  args: [
    { name: 'secret', description: "the secret's name or id" },
    { name: 'version', description: 'the version whose values are wanted back' },
  ],
  examples: ['mobius secrets rollback openai 2 --if-version 5', 'mobius secrets rollback openai 2'],
  related: ['secrets list-versions', 'secrets enable-version'],
  done: ({ name, version, values_unchanged: same }, { version: old }) =>
    same === true
      ? `the values of version ${old} are those that "${name}" has already, so there is no new version`
      : `rolled secret "${name}" back to the values of version ${old}, as version ${version}`,
});
