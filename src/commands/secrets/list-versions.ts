import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.list-versions',
  about: 'One of them at most is in use, and each shows its state and the names of its keys; never a value.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  examples: ['mobius secrets list-versions openai', 'mobius secrets list-versions openai -F version,sha256'],
  related: ['secrets get-version', 'secrets rollback'],
});
