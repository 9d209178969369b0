import { MobiusError } from '../errors.ts';
import type { WhoAmI } from '../generated/types.ts';
import type { Call } from '../operations.ts';
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
}

export const withToken = async (
  context: LocalContext,
  open: (token: string) => Promise<{ call: Call; close(): void }>,
): Promise<SignIn> => {
  const token = (await readLine(context, 'Token:')).trim();
  if (!/^[\w.~+/=-]+$/.test(token)) throw new MobiusError('usage', 'what came on standard input is no token');
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

export const inBrowser = async (context: LocalContext, call: Call): Promise<SignIn> => {
  const { io, globals, flags, note } = context;
  const code = await call('auth.device-code', {
    mobius_label: labelOf(context),
    ...(globals.project === undefined ? {} : { mobius_requested_project_handle: globals.project }),
    mobius_client: 'mobius',
    mobius_client_version: version,
    mobius_client_os: io.platform,
  });
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
  return { profile: { token, credential_id, ...(project_handle === undefined ? {} : { project: project_handle }) } };
};
