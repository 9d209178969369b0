import { localCommand } from '../../cli/command.ts';
import { type Profile, readCredentials } from '../../cli/credentials.ts';
import { openTarget } from '../../cli/profiles.ts';
import { shownPlace } from '../../database-url.ts';

const kindOf = ({ token, access_token: session, vault, dialect }: Profile): string => {
  if (vault !== undefined) return 'vault';
  if (token === undefined) return session === undefined ? 'signed out' : 'session';
  if (dialect !== undefined && token.startsWith('eyJ')) return 'token';
  return token.startsWith('mbc_') ? 'cli credential' : 'api key';
};

export default localCommand({
  summary: 'list the saved profiles, or the credentials that a server knows you by',
  about:
    'Never shows a credential itself. With --credentials the server is asked for the sessions and CLI credentials of ' +
    'the person who asks, those of other machines too: mobius auth revoke ends one.',
  extra: [{ name: 'credentials', description: 'those that the server knows, in place of the profiles here' }],
  examples: ['mobius auth list', 'mobius auth list --credentials'],
  related: ['auth use', 'auth login'],
  async run({ io, globals, flags, show }) {
    if (flags.credentials === true) {
      const { call, close } = await openTarget(io, globals);
      show(await call('auth.list-credentials', {}).finally(close));
      return 0;
    }
    const { default: standard, profiles } = readCredentials(io);
    const items = [...profiles].map(([name, profile]) => ({
      name,
      target: profile.api_url ?? shownPlace(profile.vault ?? ''),
      ...(profile.dialect === undefined ? {} : { dialect: profile.dialect }),
      kind: kindOf(profile),
      default: name === standard,
      ...(profile.email === undefined ? {} : { email: profile.email }),
      ...(profile.organization === undefined ? {} : { organization: profile.organization }),
      ...(profile.project === undefined ? {} : { project: profile.project }),
    }));
    show({ items });
    return 0;
  },
});
