import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor, Origin } from '../core/caller.ts';
import type { Core } from '../core/core.ts';
import type { Manner } from '../core/manner.ts';
import type { Answered, Asking, Beside, Dialect, Outside, Received, Route, Shown } from '../dialects/dialect.ts';
import { type DialectName, dialectOf } from '../dialects/names.ts';
import type { MobiusError } from '../errors.ts';
import type { Call, Input, Name, Output } from '../operations.ts';
import { hasOneAuthorization } from './actor.ts';
import { finerStatus, ofCaller, retryHeaders } from './answer.ts';
import { jsonType } from './beside.ts';
import { readJson } from './body.ts';
import { pairsOf, queryOf } from './query.ts';
import { largestUnasked, urlOf } from './routes.ts';

export interface DialectPorts {
  core: Pick<Core, 'as' | 'screen'>;
  outside: Outside;
  fromOf(request: FastifyRequest): Origin;
  noteFailure(request: FastifyRequest, error: unknown): void;
}

/** How the refusals of what is no route of theirs are worded, by where it was asked for. */
export type RefuseIn = (target: string) => ((error: MobiusError, request: FastifyRequest) => Answered) | undefined;

const shownBy = (dialect: Dialect, request: FastifyRequest): Shown => {
  const shown = dialect.shownIn(request.headers);
  return hasOneAuthorization(request.raw) ? shown : { kind: 'unreadable' };
};

/** What can't be read becomes a credential that can't have been issued, so that the core refuses it as any other. */
const actorOf = (shown: Shown, from: Origin): Actor => {
  if (shown.kind === 'none') return { kind: 'nobody', from };
  return { kind: 'bearer', text: shown.kind === 'credential' ? shown.text : '', from };
};

const send = (reply: FastifyReply, { status, body, headers = {} }: Answered): FastifyReply => {
  reply.code(status).headers(headers);
  return body === undefined ? reply.send() : reply.type(jsonType).send(JSON.stringify(body));
};

const receivedIn = ({ params, raw, body }: FastifyRequest): Received => ({
  params: params as Record<string, string>,
  // Of what is given twice the last stands, as these systems have it.
  query: Object.fromEntries(pairsOf(queryOf(raw.url ?? ''), 'the query')),
  body: ['POST', 'PATCH'].includes(raw.method ?? '') ? readJson(body as Uint8Array | undefined) : undefined,
});

/** Every page of a list as one. */
const whole = async (call: Call, name: Name, input: Input<Name>): Promise<Output<Name>> => {
  const items: unknown[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = (await call(name, { ...input, limit: 200, ...(cursor && { cursor }) } as Input<Name>)) as {
      items: unknown[];
      next_cursor?: string;
    };
    items.push(...page.items);
    cursor = page.next_cursor;
    if (cursor === undefined) return { items, has_more: false } as unknown as Output<Name>;
  }
};

/** What one request has with it. */
interface Asked {
  shown: Shown;
  from: Origin;
  manner: Manner;
}

const askedBy = (dialect: Dialect, manner: Manner, request: FastifyRequest, { fromOf }: DialectPorts): Asked => {
  const { organizationHeader: header } = dialect;
  const organization = header === undefined ? undefined : request.headers[header.toLowerCase()]?.toString().trim();
  return {
    shown: shownBy(dialect, request),
    from: fromOf(request),
    manner: organization ? { ...manner, organization } : manner,
  };
};

const answerRoute = async (
  route: Route,
  request: FastifyRequest,
  { shown, from, manner }: Asked,
  { core, outside }: DialectPorts,
): Promise<Answered> => {
  const actor: Actor = route.open === true ? { kind: 'nobody', from } : actorOf(shown, from);
  let received: Received;
  let input: Input<Name>;
  try {
    received = receivedIn(request);
    input = route.accept(received, outside);
  } catch (error) {
    // Whoever isn't accepted learns nothing of what else was wrong.
    await core.screen(actor, route.operation, manner);
    throw error;
  }
  const call = core.as(actor, manner);
  const output = await (route.allPages === true
    ? whole(call, route.operation, input)
    : call(route.operation, input, { ...idempotencyKey(request.raw), said: received }));
  return route.answer(output, received, outside);
};

/** A key that these contracts don't know does no harm: it is taken where it is a sound one. */
const idempotencyKey = ({ method, headers }: IncomingMessage): { idempotencyKey?: string } => {
  const text = headers['idempotency-key']?.toString() ?? '';
  return method === 'GET' || !/^[\x21-\x7e]{1,255}$/.test(text) ? {} : { idempotencyKey: text };
};

const answerBeside = (
  beside: Beside,
  request: FastifyRequest,
  { shown, from, manner }: Asked,
  { core, outside }: DialectPorts,
): Promise<Answered> => {
  const actor = actorOf(shown, from);
  const ask = <K extends Name>(name: K, input: Input<K>, { organization, credential }: Asking = {}) =>
    core.as(
      credential === undefined ? actor : { kind: 'bearer', text: credential, from },
      organization === undefined ? manner : { ...manner, organization },
    )(name, input);
  // Read where it is looked at, and no sooner: whoever isn't accepted learns nothing of what else was wrong.
  return beside.serve({ ask, received: () => receivedIn(request), outside, shown });
};

/** A refusal with what HTTP asks of one, whichever contract words it. */
const inHttp = (refusal: Answered, told: MobiusError): Answered => {
  const status = finerStatus(told) ?? refusal.status;
  const challenge = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {};
  return { ...refusal, status, headers: { ...challenge, ...retryHeaders(told), ...refusal.headers } };
};

/** The paths that our own contract has too. */
const shared = ['/v1/auth/login', '/v1/auth/refresh', '/v1/auth/logout', '/v1/auth/register'];

/** There our own command line gets our own answers, and whoever else asks those of the dialect. */
const forOthers = (path: string): { constraints?: { client: string } } =>
  shared.includes(path) ? { constraints: { client: 'other' } } : {};

const tellClientsApart = (app: FastifyInstance): void => {
  app.addConstraintStrategy({
    name: 'client',
    storage: () => {
      const handlers = new Map<string, unknown>();
      return {
        get: (kind: string) => (handlers.get(kind) as never) ?? null,
        set: (kind: string, handler) => void handlers.set(kind, handler),
      };
    },
    deriveConstraint: ({ headers }: IncomingMessage) =>
      headers['user-agent']?.startsWith('mobius/') === true ? 'ours' : 'other',
  });
};

/** The routes of other systems over the same core. Gives how they word a refusal of what they don't have. */
export const addDialects = async (
  app: FastifyInstance,
  names: readonly DialectName[],
  ports: DialectPorts,
): Promise<RefuseIn> => {
  if (names.includes('mutx')) tellClientsApart(app);
  const mounted: Dialect[] = [];
  for (const name of names) {
    const dialect = await dialectOf(name);
    mounted.push(dialect);
    const add = (
      { method, path }: Pick<Route, 'method' | 'path'>,
      named: string,
      operation: Name | undefined,
      answer: (request: FastifyRequest) => Promise<Answered>,
    ): void => {
      const route = {
        method,
        bodyLimit: largestUnasked,
        config: { named },
        ...forOthers(path),
        errorHandler: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
          const { error: told, ours } = ofCaller(error);
          if (ours) ports.noteFailure(request, error);
          return send(reply, inHttp(dialect.refuse(told, shownBy(dialect, request), operation), told));
        },
      };
      app.route({ ...route, url: urlOf(path), handler: async (request, reply) => send(reply, await answer(request)) });
      if (path.endsWith('*')) return;
      app.route({
        ...route,
        url: `${urlOf(path)}/`,
        handler: async (request, reply) => {
          if (dialect.trailingSlash === 'same') return send(reply, await answer(request));
          const [, at = '', query = ''] = /^([^?]*)(.*)$/.exec(request.raw.url ?? '') ?? [];
          const location = at.replace(/^\/+/, '/').replace(/\/+$/, '') + query;
          return reply.code(307).header('Location', location).send();
        },
      });
    };
    for (const route of dialect.routes) {
      add(route, `${name} ${route.operation}`, route.operation, (request) =>
        answerRoute(route, request, askedBy(dialect, route.manner, request, ports), ports),
      );
    }
    for (const beside of dialect.beside) {
      add(beside, beside.named, undefined, (request) =>
        answerBeside(beside, request, askedBy(dialect, beside.manner, request, ports), ports),
      );
    }
  }
  return (target) => {
    const dialect = mounted.find(({ prefixes }) => prefixes.some((prefix) => target.startsWith(prefix)));
    return dialect && ((error, request) => dialect.refuse(error, shownBy(dialect, request)));
  };
};
