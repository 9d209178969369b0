import { localCommand } from '../../cli/command.ts';
import { changeCredentials, withoutCredential } from '../../cli/credentials.ts';
import { destinationOf } from '../../cli/destination.ts';
import { openTarget } from '../../cli/profiles.ts';
import { MobiusError } from '../../errors.ts';

export default localCommand({
  summary: 'end a session or CLI credential of yours, such as that of a lost machine',
  about: 'Its next request is refused. Without an id it is the one that is used here, which is then forgotten.',
  args: [{ name: 'id', description: 'cred_…: mobius auth list --credentials', optional: true }],
  examples: ['mobius auth revoke cred_01kdwhnx00f0000000000000zz', 'mobius auth revoke'],
  related: ['auth list', 'auth logout'],
  async run({ io, globals, args, show, say }) {
    const { saved } = await destinationOf(io, globals);
    const { call, close } = await openTarget(io, globals);
    let id: string | undefined;
    try {
      id = args.id ?? (await call('auth.whoami', {})).credential_id;
      if (id === undefined) {
        throw new MobiusError(
          'usage',
          'what is used here is no session and no CLI credential',
          {},
          'name one: mobius auth list --credentials',
        );
      }
      await call('auth.revoke-credential', { id });
    } finally {
      await close();
    }
    if (saved?.profile.credential_id === id) {
      await changeCredentials(io, async (now) => {
        const profile = now.profiles.get(saved.name);
        if (profile === undefined) return { result: undefined };
        const profiles = new Map(now.profiles).set(saved.name, withoutCredential(profile));
        return { next: { ...now, profiles }, result: undefined };
      });
    }
    show({ id, revoked: true });
    say(`revoked ${id}`);
    return 0;
  },
});
