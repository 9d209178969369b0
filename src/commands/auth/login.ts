import { resolve } from 'node:path';
import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { changeCredentials, checkProfileName, type Profile, withProfile } from '../../cli/credentials.ts';
import { type Destination, destinationOf } from '../../cli/destination.ts';
import { openServer } from '../../cli/profiles.ts';
import { inBrowser, type SignIn, withPassword, withToken } from '../../cli/sign-in.ts';
import { MobiusError } from '../../errors.ts';

type Server = Extract<Destination, { kind: 'server' }>;

/** The host, as far as it can be a name. */
const nameFor = (url: string): string => {
  const host = URL.canParse(url) ? new URL(url).host.replace(/[^A-Za-z0-9.:-]/g, '') : '';
  return /^[A-Za-z0-9]/.test(host) && host !== 'default' ? host : 'server';
};

const certificates = ({ io }: LocalContext, { saved }: Server): Pick<Profile, 'ca_file'> => {
  const { MOBIUS_CA_FILE: named } = io.env;
  const file = named ? resolve(io.cwd, named) : saved?.profile.ca_file;
  return file === undefined ? {} : { ca_file: file };
};

const signIn = async (context: LocalContext, { url, saved }: Server): Promise<SignIn> => {
  const { io, flags } = context;
  const caFile = saved?.profile.ca_file;
  if (flags['with-token'] === true) return withToken(context, (token) => openServer(io, { url, token, caFile }));
  const { call, close } = await openServer(io, { url, caFile });
  try {
    return typeof flags.email === 'string'
      ? await withPassword(context, call, flags.email)
      : await inBrowser(context, call);
  } finally {
    close();
  }
};

export default localCommand({
  summary: 'sign in to a server, and save the credential',
  about:
    'A person confirms in a browser, on this machine or another one. With --email the password is asked for, or read ' +
    'from standard input; with --with-token a key or token is. What comes of it is saved under --profile, by the name ' +
    'of the host when absent, in a file that nobody else can read. A local vault needs no login.',
  extra: [
    { name: 'with-token', description: 'save the key or token that stands on standard input' },
    { name: 'email', value: 'ADDRESS', description: 'sign in with e-mail and password' },
    { name: 'no-browser', description: 'open no browser: only show the address and the code' },
  ],
  examples: [
    'mobius auth login --api-url https://mobius.example.com',
    'mobius auth login --api-url https://mobius.example.com --with-token < key.txt',
    'mobius auth login --profile team --email ada@example.com',
  ],
  async run(context) {
    const { io, globals, flags, show, say, note } = context;
    if (flags['with-token'] === true && flags.email !== undefined) {
      throw new MobiusError('usage', '--with-token and --email are two ways to sign in: give one of them');
    }
    const destination = await destinationOf(io, globals);
    if (destination.kind === 'vault') {
      note(
        'a local vault needs no login; for a server name it: mobius auth login --api-url https://mobius.example.com',
      );
      return 0;
    }
    const { url, saved } = destination;
    const name = checkProfileName(globals.profile ?? saved?.name ?? nameFor(url));
    const { profile: credential, who: known } = await signIn(context, destination);
    const project = globals.project ?? credential.project ?? saved?.profile.project;
    const profile: Profile = {
      api_url: url,
      ...certificates(context, destination),
      ...credential,
      ...(project === undefined ? {} : { project }),
    };
    const standard = await changeCredentials(io, async (now) => {
      const next = withProfile(now, name, profile);
      return { next, result: next.default };
    });
    const token = profile.token ?? profile.access_token ?? '';
    const { call, close } = await openServer(io, { url, token, caFile: profile.ca_file });
    const who = known ?? (await call('auth.whoami', {}).finally(close));
    show({
      profile: name,
      api_url: url,
      default: standard === name,
      kind: who.kind,
      name: who.name,
      ...(who.email === undefined ? {} : { email: who.email }),
      ...(project === undefined ? {} : { project }),
    });
    say(`signed in as "${who.email ?? who.name}", saved as the profile "${name}"`);
    if (standard !== name) say(`to work there without naming it: mobius auth use ${name}`);
    return 0;
  },
});
