import { operationCommand } from '../../cli/command.ts';

export default operationCommand({
  operation: 'tokens.get',
  about: 'Shows what it may, until when, and how many requests are left to it; never the token itself.',
  args: [{ name: 'id', description: "the token's id; of a token itself: mobius tokens inspect" }],
  examples: [
    'mobius tokens get 019b1bc8-f400-7000-8000-000000000001',
    'mobius tokens get 019b1bc8-f400-7000-8000-000000000001 -F remaining',
  ],
  related: ['tokens revoke'],
});
