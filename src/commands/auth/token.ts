import { localCommand } from '../../cli/command.ts';
import { destinationOf } from '../../cli/destination.ts';
import { credentialFor, nothingSaved } from '../../cli/profiles.ts';
import { MobiusError } from '../../errors.ts';

export default localCommand({
  summary: 'print the credential that is shown to the server, for other programs',
  about: 'Refreshed first where it would end within moments. It acts as you: whoever has it can do what you may.',
  examples: ['mobius auth token --profile team', 'mobius auth token --api-url https://mobius.example.com'],
  related: ['auth login', 'auth whoami', 'api'],
  async run({ io, globals, warn }) {
    const destination = await destinationOf(io, globals);
    if (destination.kind === 'vault') {
      throw new MobiusError('usage', 'a local vault takes no token', {}, 'see: mobius auth status');
    }
    const credential = await credentialFor(io, globals, destination);
    if (credential === undefined) throw nothingSaved(destination);
    if (io.stdout.isTTY) warn('this acts as you: close the window when you are done');
    io.stdout.write(`${credential.token}\n`);
    return 0;
  },
});
