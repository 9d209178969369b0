import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'tokens.get',
  args: [{ name: 'id', label: 'token', description: "the token's id" }],
  examples: [
    'mobius tokens get 019b1bc8-f400-7000-8000-000000000001',
    'mobius tokens get 019b1bc8-f400-7000-8000-000000000001 -F remaining',
  ],
});
