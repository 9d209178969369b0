import { localCommand } from '../../cli/command.ts';
import { changeCredentials, checkProfileName, noProfile, withProfile } from '../../cli/credentials.ts';
import { placeOf } from '../../cli/profiles.ts';
import { shownPlace } from '../../database-url.ts';

export default localCommand({
  summary: 'work with a profile wherever none is named',
  about: 'With --vault, a vault on this machine is saved under the name first.',
  args: [{ name: 'profile', description: 'its name: mobius auth list', takes: 'profiles' }],
  examples: ['mobius auth use team', 'mobius auth use mine --vault ~/vaults/mine.db'],
  related: ['auth list', 'help targets'],
  async run({ io, globals, args, show, say }) {
    const { profile: name = '' } = args;
    const target = await changeCredentials(io, async (now) => {
      const vault = globals.vault === undefined ? undefined : placeOf(io, globals).path;
      const known = vault === undefined ? now : withProfile(now, checkProfileName(name), { vault });
      const profile = known.profiles.get(name);
      if (profile === undefined) throw noProfile(name, now);
      return { next: { ...known, default: name }, result: profile.api_url ?? shownPlace(profile.vault ?? '') };
    });
    show({ profile: name, target, default: true });
    say(`commands work on "${target}" where nothing else is named`);
    return 0;
  },
});
