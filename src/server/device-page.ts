import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Origin } from '../core/caller.ts';
import type { Core } from '../core/core.ts';
import { sha256 } from '../crypto.ts';
import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';
import { refusalOf } from './answer.ts';
import { kindOfBody, readBody } from './body.ts';
import {
  type Brought,
  broughtBy,
  browserCookie,
  type Door,
  doorOf,
  formToken,
  newBrowser,
  noBrowserCookie,
  noSessionCookie,
  requireOwnForm,
  sessionCookie,
  signInToken,
} from './device-cookies.ts';
import { askPage, codePage, donePage, type Frame, noticePage, signInPage, style } from './device-html.ts';
import { codeFault, noticeOf, signInFault } from './device-words.ts';
import { pairsOf, queryOf } from './query.ts';

export interface DevicePagePorts {
  core: Pick<Core, 'as'>;
  publicUrl: string | undefined;
  now(): number;
  fromOf(request: FastifyRequest): Origin;
  /** Writes to the log what went wrong inside. */
  noteFailure(request: FastifyRequest, error: unknown): void;
}

/** What a browser gets to see. */
interface Shown {
  status: number;
  page: string;
  cookies?: readonly string[];
  retryAfter?: string | undefined;
}

/** A request for the page, and what is known of the browser that it comes from. */
interface Visit {
  door: Door;
  brought: Brought;
  from: Origin;
  /** For a browser that was not here yet. */
  cookies: readonly string[];
}

/** More than any of the forms holds. */
const largestForm = 16 * 1024;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${base64(sha256(new TextEncoder().encode(style)))}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  // With none at all browsers hide from our own forms' requests where they stood, and say `Origin: null`.
  'Referrer-Policy': 'same-origin',
};

/** Each value once: of two the one that is looked at might not be the one that counts. */
const singles = (pairs: readonly [string, string][]): Partial<Record<string, string>> => {
  const fields = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (fields.has(name)) throw new MobiusError('bad_request', 'a field of the form came twice');
    fields.set(name, value);
  }
  return Object.fromEntries(fields);
};

const formOf = ({ body, headers }: FastifyRequest): Partial<Record<string, string>> => {
  const read = readBody(body as Uint8Array | undefined, () => kindOfBody(headers, true));
  if (read.kind === 'form') return singles(read.pairs);
  throw new MobiusError('bad_request', 'the body must be a form', { reason: 'media_type' });
};

const codeIn = (fields: Partial<Record<string, string>>): string | undefined => fields.user_code?.trim() || undefined;

const retryAfter = (error: unknown): string | undefined => refusalOf(error).headers['Retry-After'];

const isRefusal = (error: unknown, code: MobiusError['code']): error is MobiusError =>
  error instanceof MobiusError && error.code === code;

/** The page on which a person looks at a login that a program began, and confirms or refuses it. */
export const addDevicePage = (app: FastifyInstance, ports: DevicePagePorts): void => {
  const { core, publicUrl, now, fromOf, noteFailure } = ports;

  const visitOf = (request: FastifyRequest): Visit => {
    const door = doorOf(request, publicUrl);
    const brought = broughtBy(request, door);
    const from = fromOf(request);
    if (brought.browser !== undefined) return { door, brought, from, cookies: [] };
    const browser = newBrowser();
    return { door, brought: { ...brought, browser }, from, cookies: [browserCookie(door, browser)] };
  };

  const frameOf = ({ door, brought }: Visit, alert?: string): Frame => ({
    path: door.path,
    token: formToken(brought),
    alert,
  });

  const signInFrame = ({ door, brought }: Visit, alert?: string): Frame => ({
    path: door.path,
    token: signInToken(brought),
    alert,
  });

  const send = (reply: FastifyReply, { status, page, cookies = [], retryAfter: seconds }: Shown): FastifyReply => {
    if (cookies.length > 0) reply.header('Set-Cookie', [...cookies]);
    if (seconds !== undefined) reply.header('Retry-After', seconds);
    return reply.code(status).headers(pageHeaders).send(page);
  };

  const signIn = (visit: Visit, code: string | undefined): Shown => ({
    status: 200,
    page: signInPage(signInFrame(visit), { code }),
    cookies: visit.cookies,
  });

  /** A session that is over is taken from the browser, and its person may sign in again. */
  const signInAgain = (visit: Visit, code: string | undefined): Shown => {
    const { door, cookies } = visit;
    const page = signInPage(signInFrame(visit, 'You are no longer signed in: sign in again.'), { code });
    return { status: 401, page, cookies: [...cookies, noSessionCookie(door)] };
  };

  /** Ends the session with the page's work. That it can't be ended now does not undo what was done. */
  const endSession = async (request: FastifyRequest, call: Call): Promise<void> => {
    try {
      await call('auth.logout', {});
    } catch (error) {
      if (!isRefusal(error, 'unauthorized')) noteFailure(request, error);
    }
  };

  /** What a person who is signed in gets to see; what a code is refused with is told beside the field for another. */
  const asPerson = async (
    visit: Visit,
    code: string | undefined,
    work: (call: Call, who: string) => Promise<Shown>,
  ): Promise<Shown> => {
    const { session } = visit.brought;
    if (session === undefined) return signIn(visit, code);
    const call = core.as({ kind: 'bearer', text: session, from: visit.from });
    let who = '';
    try {
      const { name, email } = await call('auth.whoami', {});
      who = email ?? name;
      return { cookies: visit.cookies, ...(await work(call, who)) };
    } catch (error) {
      if (isRefusal(error, 'unauthorized')) return signInAgain(visit, code);
      const fault = error instanceof MobiusError && who !== '' ? codeFault(error) : undefined;
      if (fault === undefined) throw error;
      const { status } = refusalOf(error);
      const page = codePage(frameOf(visit, fault), who);
      return { status, page, cookies: visit.cookies, retryAfter: retryAfter(error) };
    }
  };

  const look = (visit: Visit, code: string | undefined): Promise<Shown> =>
    asPerson(visit, code, async (call, who) => {
      if (code === undefined) return { status: 200, page: codePage(frameOf(visit), who) };
      const asked = await call('auth.show-device', { user_code: code });
      if (asked.state !== 'pending') throw new MobiusError('conflict', 'this login was decided already');
      return { status: 200, page: askPage(frameOf(visit), who, asked, now()) };
    });

  const decide = (request: FastifyRequest, visit: Visit, code: string, approve: boolean): Promise<Shown> =>
    asPerson(visit, code, async (call, who) => {
      try {
        const decided = await call('auth.decide-device', { user_code: code, approve });
        await endSession(request, call);
        const cookies = [noSessionCookie(visit.door), noBrowserCookie(visit.door)];
        return { status: 200, page: donePage(decided), cookies };
      } catch (error) {
        if (!isRefusal(error, 'not_found') || error.details.resource !== 'project') throw error;
        const asked = await call('auth.show-device', { user_code: code });
        const alert = `It asks for the project "${asked.project}", which you are not in: you can only refuse it.`;
        return { status: 404, page: askPage(frameOf(visit, alert), who, asked, now()) };
      }
    });

  const options = {
    config: { named: 'device-page' },
    bodyLimit: largestForm,
    errorHandler: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const { status, ours } = refusalOf(error);
      if (ours) noteFailure(request, error);
      const { title, text } = noticeOf(error, status);
      const link = `${publicUrl ?? ''}/device`;
      return send(reply, { status, page: noticePage(title, text, link), retryAfter: retryAfter(error) });
    },
  };

  app.get('/device', options, async (request, reply) => {
    const visit = visitOf(request);
    const code = codeIn(singles(pairsOf(queryOf(request.raw.url ?? ''), 'the query')));
    return send(reply, await look(visit, code));
  });

  /** The form of a request, once it is sure to be ours. */
  const ownForm = (
    request: FastifyRequest,
    { door, brought }: Visit,
    tokenOf = formToken,
  ): Partial<Record<string, string>> => {
    const form = formOf(request);
    requireOwnForm(request, door, form.form, tokenOf(brought));
    return form;
  };

  const goTo = (reply: FastifyReply, path: string, cookies: readonly string[] = []): FastifyReply => {
    if (cookies.length > 0) reply.header('Set-Cookie', [...cookies]);
    return reply.code(303).headers(pageHeaders).header('Location', path).send();
  };

  app.post('/device/sign-in', options, async (request, reply) => {
    const visit = visitOf(request);
    const { door, brought, from } = visit;
    const form = ownForm(request, visit, signInToken);
    const code = codeIn(form);
    const { email = '', password = '' } = form;
    try {
      const { access_token: session, expires_in: seconds } = await core.as({ kind: 'nobody', from })('auth.login', {
        email,
        password,
        label: 'the page for device logins',
      });
      // One that it had before would go on without anybody who could end it.
      if (brought.session !== undefined)
        await endSession(request, core.as({ kind: 'bearer', text: brought.session, from }));
      const where = code === undefined ? '' : `?user_code=${encodeURIComponent(code)}`;
      return goTo(reply, `${door.path}${where}`, [sessionCookie(door, session, seconds)]);
    } catch (error) {
      const fault = error instanceof MobiusError ? signInFault(error) : undefined;
      if (fault === undefined) throw error;
      const page = signInPage(signInFrame(visit, fault), { code, email });
      return send(reply, { status: refusalOf(error).status, page, retryAfter: retryAfter(error) });
    }
  });

  app.post('/device/decide', options, async (request, reply) => {
    const visit = visitOf(request);
    const form = ownForm(request, visit);
    const { decision } = form;
    const code = codeIn(form);
    if (code === undefined || (decision !== 'confirm' && decision !== 'refuse')) {
      throw new MobiusError('bad_request', 'the form lacks a code or a decision');
    }
    return send(reply, await decide(request, visit, code, decision === 'confirm'));
  });

  app.post('/device/sign-out', options, async (request, reply) => {
    const visit = visitOf(request);
    const { door, brought, from } = visit;
    ownForm(request, visit);
    if (brought.session !== undefined)
      await endSession(request, core.as({ kind: 'bearer', text: brought.session, from }));
    return goTo(reply, door.path, [noSessionCookie(door)]);
  });

  // Whoever reloads what a form answered asks for its address.
  for (const name of ['sign-in', 'decide', 'sign-out']) {
    app.get(`/device/${name}`, options, (request, reply) => goTo(reply, doorOf(request, publicUrl).path));
  }
};
