import { operationCommand } from '../../cli/command.ts';
import { credentialText } from '../../cli/credential-text.ts';
import { parseKey } from '../../core/key-format.ts';

export default operationCommand({
  operation: 'api-keys.verify',
  about:
    'Reads the key from standard input, or asks for it on a terminal. A key with a wrong checksum is told without a ' +
    'vault or server. The exit code is 0 for a key that works and 4 for one that does not.',
  flags: { key: { value: 'KEY|@FILE|@-', optional: true } },
  examples: [
    'mobius api-keys verify < ci.key',
    'printenv MOBIUS_API_KEY | mobius api-keys verify --permission mobius.work.execute',
    'mobius api-keys verify --key @ci.key -q',
  ],
  related: ['api-keys get', 'tokens verify'],
  prepare: async (input, context) => ({ ...input, key: await credentialText(input.key, 'API key:', context) }),
  offline({ key }, { warn }) {
    const parsed = parseKey(key);
    if (parsed.ok) return undefined;
    warn(
      parsed.reason === 'checksum'
        ? "the key's checksum is wrong: a character of it is missing or mistyped"
        : 'this has not the shape of an API key',
    );
    return { valid: false, code: 'NOT_FOUND' };
  },
  exit: ({ valid }) => (valid ? 0 : 4),
});
