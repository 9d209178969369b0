import { resolve } from 'node:path';
import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import {
  type Credentials,
  changeCredentials,
  checkProfileName,
  type Profile,
  readCredentials,
  withProfile,
} from '../../cli/credentials.ts';
import { type Destination, destinationOf, dialectIn } from '../../cli/destination.ts';
import { openServer } from '../../cli/profiles.ts';
import { checkWay, inBrowser, type SignIn, withAccount, withPassword, withToken } from '../../cli/sign-in.ts';
import { speechAt } from '../../cli/speech.ts';
import { MobiusError } from '../../errors.ts';

type Server = Extract<Destination, { kind: 'server' }>;
type Speech = Awaited<ReturnType<typeof speechAt>>;

/** The host, as far as it can be a name; with the contract, where the host keeps several. */
const nameFor = ({ url, dialect }: Server, { profiles }: Credentials): string => {
  const host = URL.canParse(url) ? new URL(url).host.replace(/[^A-Za-z0-9.:-]/g, '') : '';
  const name = /^[A-Za-z0-9]/.test(host) && host !== 'default' ? host : 'server';
  const taken = profiles.get(name);
  return taken === undefined || (taken.dialect ?? 'mobius') === (dialect ?? 'mobius')
    ? name
    : `${name}-${dialect ?? 'mobius'}`;
};

const certificates = ({ io }: LocalContext, { saved }: Server): Pick<Profile, 'ca_file'> => {
  const { MOBIUS_CA_FILE: named } = io.env;
  const file = named ? resolve(io.cwd, named) : saved?.profile.ca_file;
  return file === undefined ? {} : { ca_file: file };
};

const refuseMixed = ({ flags }: LocalContext): void => {
  const { 'with-token': withToken, email, register, name } = flags;
  if (withToken === true && email !== undefined) {
    throw new MobiusError('usage', '--with-token and --email are two ways to sign in: give one of them');
  }
  if (register === true && (email === undefined || name === undefined)) {
    const hint = 'such as: mobius auth login --register --name Ada --email ada@example.com';
    throw new MobiusError('usage', '--register needs the --email and the --name of the new account', {}, hint);
  }
  if (register !== true && name !== undefined) {
    throw new MobiusError('usage', '--name goes with --register: it is what a new account is called');
  }
};

const signIn = async (context: LocalContext, server: Server, speech: Speech): Promise<SignIn> => {
  const { io, flags } = context;
  const { email, name } = flags;
  checkWay(speech, flags['with-token'] === true ? 'token' : email === undefined ? 'browser' : 'password', context);
  const reached = { ...server, caFile: server.saved?.profile.ca_file };
  if (flags['with-token'] === true) {
    return withToken(context, (token) => openServer(io, { ...reached, token }), speech);
  }
  const { call, close } = await openServer(io, reached);
  try {
    if (typeof email !== 'string') return await inBrowser(context, call, speech);
    return flags.register === true
      ? await withAccount(context, call, { email, name: String(name) })
      : await withPassword(context, call, email);
  } finally {
    close();
  }
};

/** At a terminal, whoever names no server is asked for it. */
const askedDestination = async ({ io, globals, prompt }: LocalContext, found: Destination): Promise<Destination> => {
  if (found.kind === 'server' || globals.vault !== undefined || !prompt.possible) return found;
  const apiUrl = await prompt.text('Address of the server (a local vault needs no login):', {
    async check(typed) {
      if (typed.trim() === '') return 'such as https://mobius.example.com';
      try {
        await destinationOf(io, { ...globals, apiUrl: typed.trim() });
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
  });
  return destinationOf(io, { ...globals, apiUrl: apiUrl.trim() });
};

/** What the profile held before is not left behind on the server; one that ended by itself is nobody's concern. */
const endOld = async ({ io, debug }: LocalContext, { url, saved }: Server): Promise<void> => {
  const { token, access_token: session, ca_file: caFile } = saved?.profile ?? {};
  const old = token?.startsWith('mbc_') === true ? token : session;
  if (old === undefined || saved === undefined) return;
  const { call, close } = await openServer(io, { url, token: old, caFile, dialect: await dialectIn(saved) });
  await call('auth.logout', {})
    .catch((error: Error) => debug(`the login before this one was not ended: ${error.message}`))
    .finally(close);
};

/** Who the server takes the credential for; of another system's server only that it is accepted can be told. */
const accepted = async (
  { io }: LocalContext,
  server: Server,
  speech: Speech,
  { profile, who, name, key }: SignIn,
): Promise<object> => {
  const known = { ...(name === undefined ? {} : { name }), ...(profile.email && { email: profile.email }) };
  // Its key is shown this once, and must not be lost to a question about what was given a moment ago.
  if (key !== undefined) return { ...known, key };
  const token = profile.token ?? profile.access_token ?? '';
  const { call, close } = await openServer(io, { ...server, token, caFile: server.saved?.profile.ca_file });
  try {
    if (speech !== undefined) {
      await call(speech.probe, {});
      return known;
    }
    const { kind, name: called, email } = who ?? (await call('auth.whoami', {}));
    return { kind, name: called, ...(email === undefined ? {} : { email }) };
  } finally {
    close();
  }
};

export default localCommand({
  summary: 'sign in to a server, and save the credential',
  about:
    'A person confirms in a browser, on this machine or another one. With --email the password is asked for, or read ' +
    'from standard input; with --with-token a key or token is. What comes of it is saved under --profile, by the name ' +
    'of the host when absent, in a file that nobody else can read. A local vault needs no login. With --dialect the ' +
    "server is another system's, and commands with this profile speak its contract.",
  extra: [
    { name: 'server', value: 'URL', means: 'api-url', description: 'the same as --api-url' },
    { name: 'with-token', description: 'save the key or token that stands on standard input' },
    { name: 'email', value: 'ADDRESS', description: 'sign in with e-mail and password' },
    {
      name: 'register',
      description: 'with --email and --name: make the account first, where the server lets everybody',
    },
    { name: 'name', value: 'NAME', description: 'with --register: what the person is called' },
    { name: 'no-browser', description: 'open no browser: only show the address and the code' },
  ],
  examples: [
    'mobius auth login --api-url https://mobius.example.com',
    'mobius auth login --api-url https://mobius.example.com --with-token < key.txt',
    'mobius auth login --profile team --email ada@example.com',
    'mobius auth login --server https://api.example.com --dialect mobula --with-token < key.txt',
  ],
  related: ['auth status', 'auth list', 'auth logout', 'help targets'],
  async run(context) {
    const { io, globals, show, say, note } = context;
    refuseMixed(context);
    const destination = await askedDestination(context, await destinationOf(io, globals));
    if (destination.kind === 'vault') {
      note(
        'a local vault needs no login; for a server name it: mobius auth login --api-url https://mobius.example.com',
      );
      return 0;
    }
    const { url, saved, dialect, organization } = destination;
    const speech = await speechAt(io, destination);
    const name = checkProfileName(globals.profile ?? saved?.name ?? nameFor(destination, readCredentials(io)));
    const signedIn = await signIn(context, destination, speech);
    const { profile: credential, key } = signedIn;
    // Of another system's server nothing is saved that it doesn't accept.
    const early = speech === undefined ? undefined : await accepted(context, destination, speech, signedIn);
    const project = globals.project ?? credential.project ?? saved?.profile.project;
    const profile: Profile = {
      api_url: url,
      ...(dialect === undefined ? {} : { dialect }),
      ...(organization === undefined ? {} : { organization }),
      ...certificates(context, destination),
      ...credential,
      ...(project === undefined || dialect !== undefined ? {} : { project }),
    };
    const standard = await changeCredentials(io, async (now) => {
      const next = withProfile(now, name, profile);
      return { next, result: next.default };
    });
    await endOld(context, destination);
    const who = early ?? (await accepted(context, destination, speech, signedIn));
    show(
      {
        profile: name,
        api_url: url,
        ...(dialect === undefined ? {} : { dialect }),
        ...(organization === undefined ? {} : { organization }),
        default: standard === name,
        ...who,
        ...(profile.project === undefined ? {} : { project: profile.project }),
      },
      key,
    );
    const { email, name: called } = who as { email?: string; name?: string };
    const person = email ?? called;
    say(`signed in${person === undefined ? '' : ` as "${person}"`}, saved as the profile "${name}"`);
    if (standard !== name) say(`to work there without naming it: mobius auth use ${name}`);
    return 0;
  },
});
