import { operationCommand } from '../../cli/command.ts';
import { credentialText } from '../../cli/credential-text.ts';

export default operationCommand({
  operation: 'tokens.verify',
  about:
    'Reads the token from standard input, or asks for it on a terminal. A yes counts one request of the token, a no ' +
    'none. The exit code is 0 for a token that works and 4 for one that does not.',
  flags: { token: { hidden: true, optional: true } },
  examples: [
    'mobius tokens verify < frontend.jwt',
    'printenv TOKEN | mobius tokens verify --permission mobius.work.execute -o text -F code',
  ],
  related: ['tokens inspect', 'api-keys verify'],
  prepare: async (input, context) => ({ ...input, token: await credentialText(input.token, 'Token:', context) }),
  exit: ({ valid }) => (valid ? 0 : 4),
});
