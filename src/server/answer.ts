import { MobiusError } from '../errors.ts';
import type { Operation } from '../operations.ts';

/** What a request is answered with that was not done. */
export interface Refusal {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: object;
  /** Set where the fault is ours, and the log must tell what the answer doesn't. */
  ours: boolean;
}

/** Where HTTP is finer than our codes are. */
const statusOfReason: Readonly<Record<string, number>> = {
  version_mismatch: 412,
  request_timeout: 408,
  body_too_large: 413,
  path_too_long: 414,
  media_type: 415,
  headers_too_large: 431,
};

/** Undefined where our codes are as fine. */
export const finerStatus = ({ details }: MobiusError): number | undefined => statusOfReason[String(details.reason)];

const statusOf = (error: MobiusError): number => finerStatus(error) ?? error.kind.http;

const somethingWrong = (): MobiusError =>
  new MobiusError('internal', 'something went wrong inside the server; its log has the request id');

/** What Fastify refuses by itself, in our words. */
const byStatus: Readonly<Record<number, () => MobiusError>> = {
  400: () => new MobiusError('bad_request', 'the request is not sound'),
  408: () => new MobiusError('bad_request', 'the request took too long to arrive', { reason: 'request_timeout' }),
  413: () => new MobiusError('bad_request', 'the body is too large', { reason: 'body_too_large' }),
  414: () => new MobiusError('bad_request', 'a part of the path is too long', { reason: 'path_too_long' }),
  415: () => new MobiusError('bad_request', 'the content type is not understood', { reason: 'media_type' }),
  431: () => new MobiusError('bad_request', 'the headers are too large', { reason: 'headers_too_large' }),
};

const isOfDatabase = ({ code, details }: MobiusError): boolean =>
  code === 'service_unavailable' && /^database(?!_busy)/.test(String(details.reason));

const known = (error: unknown): MobiusError => {
  if (error instanceof MobiusError) {
    if (error.code === 'internal') return somethingWrong();
    // Where it is, and what it holds against us, is for whoever runs the server.
    return isOfDatabase(error)
      ? new MobiusError(error.code, 'the database does not answer', { reason: 'database' })
      : error;
  }
  const { statusCode = 500, code } = error as { statusCode?: number; code?: string };
  if (code === 'FST_ERR_BAD_URL') {
    return new MobiusError('bad_request', 'the path has a percent sign that begins no character');
  }
  return (byStatus[statusCode] ?? somethingWrong)();
};

/** The plain error of RFC 6749, which RFC 8628 takes over. */
const oauthError = ({ code, kind, details }: MobiusError): { error: string; status: number } => {
  if (typeof details.oauth === 'string') return { error: details.oauth, status: 400 };
  if (kind.http === 429 || kind.http === 503) return { error: 'temporarily_unavailable', status: kind.http };
  if (code === 'internal' || kind.http >= 500) return { error: 'server_error', status: kind.http };
  return { error: 'invalid_request', status: 400 };
};

/** How long to wait, where that is known. */
export const retryHeaders = ({ details }: MobiusError): Record<string, string> => {
  const seconds = details.retry_after_seconds;
  return typeof seconds === 'number' ? { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) } : {};
};

const headersOf = (error: MobiusError): Record<string, string> => ({
  ...(error.code === 'unauthorized' ? { 'WWW-Authenticate': 'Bearer' } : {}),
  ...retryHeaders(error),
});

/** What a caller may know of whatever was thrown. `ours`: the fault is, and the log must tell what the answer doesn't. */
export const ofCaller = (thrown: unknown): { error: MobiusError; ours: boolean } => {
  const error = known(thrown);
  return { error, ours: error.code === 'internal' || error.code === 'damaged' || isOfDatabase(error) };
};

/** Whatever was thrown as an answer: never a stack, and nothing of an error that is not meant for callers. */
export const refusalOf = (thrown: unknown, wire?: Operation['wire']): Refusal => {
  const { error, ours } = ofCaller(thrown);
  const { code, message, details, ownHint } = error;
  const headers = headersOf(error);
  if (wire === 'oauth') {
    const flat = oauthError(error);
    return { status: flat.status, headers, ours, body: { error: flat.error, error_description: message } };
  }
  const inner = {
    code,
    message,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    ...(ownHint === undefined ? {} : { hint: ownHint }),
  };
  return { status: statusOf(error), headers, ours, body: { error: inner } };
};

/** One of the refusals above, for what never becomes a request. */
export const refusalOfStatus = (status: number): Refusal => refusalOf({ statusCode: status });
