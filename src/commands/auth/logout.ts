import { localCommand } from '../../cli/command.ts';
import { changeCredentials, withoutCredential } from '../../cli/credentials.ts';
import { destinationOf } from '../../cli/destination.ts';
import { nothingSaved, openTarget } from '../../cli/profiles.ts';
import { speechAt } from '../../cli/speech.ts';
import { MobiusError } from '../../errors.ts';

export default localCommand({
  summary: 'end the saved session or CLI credential, here and on its server',
  about:
    'The profile stays, without its credential. An API key that was saved is only forgotten: it goes on working ' +
    'wherever else it is used. When the server can not be reached the credential is forgotten all the same.',
  examples: ['mobius auth logout', 'mobius auth logout --profile team'],
  related: ['auth login', 'auth remove', 'auth revoke'],
  async run({ io, globals, show, say, warn }) {
    const destination = await destinationOf(io, globals);
    if (destination.kind === 'vault') {
      throw new MobiusError('usage', 'a local vault has no login that could end', {}, 'see: mobius auth status');
    }
    const { saved } = destination;
    const { token, access_token: session } = saved?.profile ?? {};
    if (saved === undefined || (token ?? session) === undefined) throw nothingSaved(destination);
    const isKey = token !== undefined && !token.startsWith('mbc_');
    const speech = await speechAt(io, destination);
    const endsThere = !isKey && speech?.has('auth.logout') !== false;
    let ended = false;
    if (endsThere) {
      try {
        const { call, close } = await openTarget(io, { ...globals, asOwner: true });
        await call('auth.logout', {}).finally(close);
        ended = true;
      } catch (error) {
        if (!(error instanceof MobiusError)) throw error;
        if (error.code === 'unauthorized') ended = true;
        else warn(`the credential was forgotten here, but may work on: ${error.message}`);
      }
    }
    await changeCredentials(io, async (now) => {
      const profile = now.profiles.get(saved.name);
      if (profile === undefined) return { result: undefined };
      const profiles = new Map(now.profiles).set(saved.name, withoutCredential(profile));
      return { next: { ...now, profiles }, result: undefined };
    });
    show({ profile: saved.name, api_url: destination.url, ended });
    say(
      !endsThere
        ? `forgot the ${speech === undefined ? 'key' : 'credential'} of the profile "${saved.name}"`
        : `signed out of "${destination.url}"`,
    );
    return 0;
  },
});
