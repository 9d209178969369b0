import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'secrets.list-versions',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  examples: ['mobius secrets list-versions openai', 'mobius secrets list-versions openai -F version,sha256'],
});
