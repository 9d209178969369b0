import { type Host, namedHost, type Wanted } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import { codeOf, isLost, standby } from './postgres-faults.ts';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

const unavailable = (message: string, reason: string, cause: unknown, hint?: string): MobiusError =>
  Object.assign(new MobiusError('service_unavailable', message, { reason }, hint), { cause });

const hasNoTls = (error: unknown): boolean => messageOf(error) === 'The server does not support SSL connections';

/** The other end proved nothing that Node believes, or took nothing that it was shown. */
const isDistrusted = (error: unknown): boolean =>
  /CERT|UNABLE_TO_|^ERR_(TLS|SSL|OSSL)_|^EPROTO$|^HOSTNAME_MISMATCH$|^INVALID_CA$/.test(codeOf(error));

/** Without TLS it may go better: the server has none, or wants none of this client. */
export const isAboutTls = (error: unknown): boolean =>
  hasNoTls(error) || isDistrusted(error) || codeOf(error) === '28000';

const isLogin = (error: unknown): boolean => /^28/.test(codeOf(error)) || /^SASL: /.test(messageOf(error));

/** Another host would say the same. */
export const isFinal = (error: unknown): boolean =>
  error instanceof MobiusError &&
  (error.code === 'usage' || ['database_login', 'database_missing'].includes(String(error.details.reason)));

export const notWanted = (host: Host, wanted: Wanted): MobiusError =>
  standby(`the database server "${namedHost(host)}" is not what target_session_attrs=${wanted} asks for`);

export const unreadable = (setting: string, path: string, error: unknown): MobiusError =>
  new MobiusError(
    'usage',
    `cannot read "${path}", which the address of the database names as ${setting} (${codeOf(error)})`,
    { field: 'database' },
  );

/** Why there is no connection, in words that hold nothing of the address but the host. */
export const whyNotHad = (error: unknown, host: Host): unknown => {
  if (error instanceof MobiusError) return error;
  const name = `the database server "${namedHost(host)}"`;
  const code = codeOf(error);
  if (hasNoTls(error)) {
    return unavailable(
      `${name} offers no TLS`,
      'database_tls',
      error,
      'turn TLS on at the server; or, where nobody can be in between, add sslmode=disable to the address',
    );
  }
  if (isDistrusted(error)) {
    return unavailable(
      `${name} is not believed to be the one that was meant (${code})`,
      'database_tls',
      error,
      'name the authority of its certificate in the address: sslrootcert=FILE; sslmode=verify-ca believes every name of ' +
        'that authority, and sslmode=require anyone',
    );
  }
  if (isLogin(error)) {
    return unavailable(
      `${name} refused the login${code === '' ? '' : ` (${code})`}`,
      'database_login',
      error,
      'look at the user in the address and at the password: there, in PGPASSWORD or in the file that PGPASSFILE names',
    );
  }
  if (code === '3D000') {
    return unavailable(
      `${name} has no database of that name`,
      'database_missing',
      error,
      'make it first: createdb NAME',
    );
  }
  if (isLost(error) || /^E[A-Z]+$/.test(code) || /establishing an SSL connection$/.test(messageOf(error))) {
    const why = code === '' ? '' : ` (${code})`;
    return unavailable(`${name} does not answer${why}`, 'database', error);
  }
  return error;
};
