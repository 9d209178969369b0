import type { Speech } from '../calls/speech.ts';
import { MobiusError } from '../errors.ts';
import type { WhoAmI } from '../generated/types.ts';
import type { Call, Input } from '../operations.ts';
import { version } from '../version.ts';
import type { LocalContext } from './command.ts';
import type { Profile } from './credentials.ts';
import { awaitDecision, openBrowser } from './device.ts';
import { tell } from './report.ts';
import { sessionFields } from './sessions.ts';

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const labelOf = ({ io }: LocalContext): string => {
  const { USER, USERNAME, HOSTNAME, COMPUTERNAME } = io.env;
  const parts = [USER ?? USERNAME, HOSTNAME ?? COMPUTERNAME].filter((part) => part !== undefined && part !== '');
  return `mobius ${parts.join('@')}`.trim().slice(0, 128);
};

/** One line, as a program hands it over; asked for where a person sits in front of it. */
const readLine = async ({ io, prompt }: LocalContext, question: string): Promise<string> => {
  const text = prompt.possible
    ? await prompt.hidden(question)
    : Buffer.from(await io.stdin.read())
        .toString('utf8')
        .replace(/\r?\n$/, '');
  if (text !== '') return text;
  throw new MobiusError('usage', 'nothing came on standard input', {}, 'see: mobius auth login --help');
};

/** Signs in with what is given: a token to be saved, an e-mail address and its password, or a person in a browser. */
export interface SignIn {
  profile: Profile;
  /** Already asked for, where the server had to accept it first. */
  who?: WhoAmI;
  /** Of a new account: what its person is called, and its own key, which is shown this once. */
  name?: string;
  key?: string;
}

type Way = Speech['logins'][number];

const flagFor: Readonly<Record<Way, string>> = {
  browser: 'a browser, where no flag names another way',
  password: '--email ADDRESS',
  token: '--with-token',
};

/** Whatever way was chosen is one that the server has. */
export const checkWay = (speech: Speech | undefined, way: Way, { flags }: LocalContext): void => {
  const { title = '', logins = [] } = speech ?? {};
  if (speech !== undefined && !logins.includes(way)) {
    const lacks = way === 'browser' ? 'is not signed in to with a browser' : `takes no ${flagFor[way].split(' ')[0]}`;
    const hint = `it has: ${logins.map((one) => flagFor[one]).join(', ')}`;
    throw new MobiusError(way === 'browser' ? 'usage' : 'unsupported', `a ${title} server ${lacks}`, { logins }, hint);
  }
  if (flags.register === true) speech?.check('auth.register');
};

export const withToken = async (
  context: LocalContext,
  open: (token: string) => Promise<{ call: Call; close(): void }>,
  speech?: Speech,
): Promise<SignIn> => {
  const token = (await readLine(context, 'Token:')).trim();
  if (!/^[\w.~+/=-]+$/.test(token)) throw new MobiusError('usage', 'what came on standard input is no token');
  // Of another system's server the command asks what there is to ask.
  if (speech !== undefined) return { profile: { token } };
  const { call, close } = await open(token);
  try {
    return { profile: { token }, who: await call('auth.whoami', {}) };
  } finally {
    close();
  }
};

export const withPassword = async (context: LocalContext, call: Call, email: string): Promise<SignIn> => {
  const password = await readLine(context, `Password of ${email}:`);
  const session = await call('auth.login', { email, password, label: labelOf(context) });
  return { profile: { email, ...sessionFields(context.io, session) } };
};

/** Makes the account first; its session is what is saved. */
export const withAccount = async (
  context: LocalContext,
  call: Call,
  account: { email: string; name: string },
): Promise<SignIn> => {
  const { email, name } = account;
  const password = await readLine(context, `Password of ${email}:`);
  const { key, project, ...session } = await call('auth.register', { email, name, password });
  const profile = { email, ...sessionFields(context.io, session), ...(project === undefined ? {} : { project }) };
  return { profile, name, ...(key === undefined ? {} : { key }) };
};

/** What the program says of itself, as far as the server takes it. */
const itself = ({ io, globals }: LocalContext, label: string): Input<'auth.device-code'> => ({
  mobius_label: label,
  ...(globals.project === undefined ? {} : { mobius_requested_project_handle: globals.project }),
  mobius_client: 'mobius',
  mobius_client_version: version,
  mobius_client_os: io.platform,
});

export const inBrowser = async (context: LocalContext, call: Call, speech?: Speech): Promise<SignIn> => {
  const { io, flags, note } = context;
  const asking = speech === undefined ? itself(context, labelOf(context)) : { mobius_client: 'mobius' };
  const code = await call('auth.device-code', asking);
  tell(io, `open ${code.verification_uri} and confirm the code ${code.user_code}`);
  if (flags['no-browser'] !== true && openBrowser(io, code.verification_uri_complete))
    note('opened it in your browser');
  const {
    access_token: token,
    credential_id,
    project_handle,
  } = await awaitDecision(call, code, {
    now: io.now,
    sleep: wait,
  });
  const id = credential_id === undefined ? {} : { credential_id };
  return { profile: { token, ...id, ...(project_handle === undefined ? {} : { project: project_handle }) } };
};
