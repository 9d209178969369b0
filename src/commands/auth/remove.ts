import { localCommand } from '../../cli/command.ts';
import { changeCredentials, noProfile } from '../../cli/credentials.ts';
import { MobiusError } from '../../errors.ts';

export default localCommand({
  summary: 'forget a profile and its credential',
  about: 'Nothing changes on its server: mobius auth logout ends the credential there first.',
  args: [{ name: 'profile', description: 'its name; the default one when absent', optional: true, takes: 'profiles' }],
  examples: ['mobius auth remove team', 'mobius auth remove'],
  related: ['auth list', 'auth logout'],
  async run({ io, globals, args, show, say }) {
    const name = await changeCredentials(io, async (now) => {
      const chosen = args.profile ?? globals.profile ?? now.default;
      if (chosen === undefined) {
        throw new MobiusError('usage', 'no profile was named, and none is the default', {}, 'see: mobius auth list');
      }
      const profiles = new Map(now.profiles);
      if (!profiles.delete(chosen)) throw noProfile(chosen, now);
      const { default: standard } = now;
      const keeps = standard !== undefined && standard !== chosen ? { default: standard } : {};
      return { next: { ...keeps, profiles }, result: chosen };
    });
    show({ profile: name, removed: true });
    say(`forgot the profile "${name}"`);
    return 0;
  },
});
