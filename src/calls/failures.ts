import { MobiusError } from '../errors.ts';

/** Where a request went, as a person knows it. */
export interface Route {
  /** Without any login. */
  url: string;
  host: string;
  isTls: boolean;
  proxy?: string | undefined;
}

/** What a program may do about it: the reasons that another try can mend are `refused`, `reset` and `name`. */
type Reason = 'refused' | 'reset' | 'name' | 'timeout' | 'route' | 'tls' | 'protocol';

const unavailable = (reason: Reason, message: string, hint?: string): MobiusError =>
  new MobiusError('service_unavailable', message, { reason }, hint);

const checkAddress = 'is the server running, and the address right? see: mobius auth status';
const nameAuthority = "name its authority's certificate, as PEM: MOBIUS_CA_FILE=/path/to/ca.pem";
const tlsHint = 'if it speaks TLS, its address begins with https://';

type Words = (route: Route) => MobiusError;

const noRoute: Words = ({ url, proxy }) => unavailable('route', `no way leads from here to "${proxy ?? url}"`);

const refusedConnection: Words = ({ url, proxy }) =>
  proxy === undefined
    ? unavailable('refused', `nothing listens at "${url}"`, checkAddress)
    : unavailable(
        'refused',
        `no proxy listens at "${proxy}"`,
        'the variables HTTPS_PROXY, HTTP_PROXY or ALL_PROXY name it',
      );

const noSuchHost: Words = ({ host, proxy }) =>
  proxy === undefined
    ? unavailable('route', `there is no host "${host}"`, 'is the address right? see: mobius auth status')
    : unavailable('route', `the host of the proxy "${proxy}" is not there`);

const closed: Words = ({ url, isTls, proxy }) =>
  unavailable(
    'reset',
    `"${proxy ?? url}" closed the connection before it answered`,
    isTls || proxy !== undefined ? undefined : tlsHint,
  );

const unknownIssuer: Words = ({ host }) =>
  unavailable('tls', `the certificate of "${host}" was issued by nobody that this machine trusts`, nameAuthority);

const selfSigned: Words = ({ host }) =>
  unavailable(
    'tls',
    `the certificate of "${host}" is signed by nobody but itself or an authority that this machine doesn't trust`,
    nameAuthority,
  );

const noTls: Words = ({ url }) =>
  unavailable('protocol', `"${url}" doesn't speak TLS`, 'if it speaks plain HTTP, its address begins with http://');

const late: Words = ({ url }) =>
  unavailable(
    'timeout',
    `"${url}" did not take the connection in time`,
    'is the address right? see: mobius auth status',
  );

const words: Readonly<Record<string, Words>> = {
  ECONNREFUSED: refusedConnection,
  // Of a socket's file.
  ENOENT: refusedConnection,
  ENOTFOUND: noSuchHost,
  EAI_AGAIN: ({ host }) => unavailable('name', `the address of "${host}" could not be looked up just now`),
  ETIMEDOUT: late,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
  ECONNRESET: closed,
  EPIPE: closed,
  DEPTH_ZERO_SELF_SIGNED_CERT: selfSigned,
  SELF_SIGNED_CERT_IN_CHAIN: selfSigned,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  CERT_UNTRUSTED: unknownIssuer,
  CERT_HAS_EXPIRED: ({ host }) =>
    unavailable('tls', `the certificate of "${host}" has expired`, 'whoever runs the server has to renew it'),
  CERT_NOT_YET_VALID: ({ host }) =>
    unavailable('tls', `the certificate of "${host}" is not valid yet`, 'is the clock of this machine right?'),
  ERR_TLS_CERT_ALTNAME_INVALID: ({ host }) =>
    unavailable('tls', `the certificate is of another host than "${host}"`, 'use the name that the certificate holds'),
  EPROTO: noTls,
};

const refusedTls = (route: Route, code: string): MobiusError | undefined => {
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)/.test(code)) return noTls(route);
  if (/^(ERR_SSL|ERR_TLS|CERT_)/.test(code)) {
    const said = code.toLowerCase().replaceAll('_', ' ');
    return unavailable('tls', `no safe connection to "${route.host}" came about: ${said}`);
  }
  return undefined;
};

/** What node says of a request that failed, in words for a person. */
export const failureOf = (error: unknown, route: Route): MobiusError => {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const known = words[code]?.(route) ?? refusedTls(route, code);
  if (known !== undefined) return known;
  if (code.startsWith('HPE_')) {
    const hint = route.isTls ? undefined : tlsHint;
    return unavailable('protocol', `"${route.url}" answered something that is no HTTP`, hint);
  }
  return unavailable('route', `"${route.url}" could not be reached: ${code === '' ? message : code}`);
};

export const tooLate = ({ url }: Route, ms: number): MobiusError =>
  unavailable('timeout', `"${url}" did not answer within ${ms / 1000} s`, 'MOBIUS_TIMEOUT=120 waits two minutes');

export const notConnected = late;

export const tooLarge = ({ url }: Pick<Route, 'url'>, most: number): MobiusError =>
  new MobiusError('service_unavailable', `"${url}" answered with more than ${most / 2 ** 20} MiB`);
