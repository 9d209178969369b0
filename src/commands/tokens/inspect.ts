import { operationCommand } from '../../cli/command.ts';
import { credentialText } from '../../cli/credential-text.ts';

export default operationCommand({
  operation: 'tokens.inspect',
  about:
    'Reads the token from standard input, or asks for it on a terminal; never from the command line, where other ' +
    'programs can read it. No request of it is counted.',
  flags: { token: { hidden: true, optional: true } },
  examples: ['mobius tokens inspect < frontend.jwt', 'printenv TOKEN | mobius tokens inspect -o json | jq .remaining'],
  related: ['tokens verify', 'tokens get'],
  prepare: async (input, context) => ({ ...input, token: await credentialText(input.token, 'Token:', context) }),
});
