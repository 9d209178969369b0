import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '../core/caller.ts';
import type { Core } from '../core/core.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Input, Name, Noun, Operation } from '../operations.ts';
import { type Spelled, spelled } from '../spelled.ts';
import { jsonType } from './beside.ts';
import { bodyRefused, type Field, type Incoming, inputReader } from './input.ts';

type Answering = Pick<Core, 'as' | 'screen'>;

export type Does = (body: Uint8Array | undefined) => Promise<{ status: number; answer?: Spelled }>;

/** An operation as HTTP reaches it. */
export interface OperationRoute extends Pick<Operation, 'method' | 'path' | 'wire'> {
  name: Name;
  /** The path with `:name` for what stands in it. */
  url: string;
  bodyLimit: number;
  /** What does what this asks for, with a body that came behind it. */
  open(actor: Actor, asked: Incoming & { method: string }): Does;
}

/** The values of one secret may be 16 MiB, and JSON escapes. */
const largestValues = 20 * 1024 * 1024;
const largestBody = 1024 * 1024;
/** More than this is read only for a credential that works, and never where none is needed. */
export const largestUnasked = 64 * 1024;

export const isWithoutBody = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'DELETE';

const idempotencyKey = (method: string, headers: Incoming['headers']): { idempotencyKey?: string } => {
  const text = headers['idempotency-key']?.toString();
  if (text === undefined || method === 'GET' || method === 'HEAD') return {};
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new MobiusError('bad_request', 'the Idempotency-Key must be 1 to 255 visible characters of ASCII');
  }
  return { idempotencyKey: text };
};

/** What the headers say of a body before any of it is read. */
export const announced = (method: string, headers: IncomingHttpHeaders): { isLarge: boolean; isOdd: boolean } => {
  const length = Number(headers['content-length'] ?? 0);
  const isChunked = headers['transfer-encoding'] !== undefined;
  return {
    isLarge: isChunked || length > largestUnasked,
    isOdd: (isChunked || length > 0) && isWithoutBody(method),
  };
};

const limitOf = ({ scope }: Operation, fields: readonly Field[]): number => {
  if (scope === 'public') return largestUnasked;
  return fields.some(({ secret, kind }) => secret === true && kind === 'json') ? largestValues : largestBody;
};

/** As Fastify spells it. */
export const urlOf = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

const routeOf = (core: Answering, name: Name, operation: Operation, fields: readonly Field[]): OperationRoute => ({
  name,
  method: operation.method,
  path: operation.path,
  url: urlOf(operation.path),
  ...(operation.wire === undefined ? {} : { wire: operation.wire }),
  bodyLimit: limitOf(operation, fields),
  open(actor, { method, ...incoming }) {
    const read = inputReader(operation, fields, incoming);
    const call = core.as(actor);
    return async (body) => {
      let input: object;
      let options: { idempotencyKey?: string };
      try {
        input = read(body);
        options = idempotencyKey(method, incoming.headers);
      } catch (error) {
        // A credential that the core refuses is refused before anything is said of the rest of the request.
        await core.screen(actor, name);
        throw error;
      }
      const output = await call(name, input as Input<Name>, options);
      return operation.status === 204
        ? { status: 204 }
        : { status: operation.status, answer: spelled(output as object) };
    };
  },
});

/** One for each operation of the table. */
export const routesOf = async (core: Answering): Promise<OperationRoute[]> => {
  const routes: OperationRoute[] = [];
  for (const [name, operation] of Object.entries(operations) as [Name, Operation][]) {
    const { fields } = await fieldsOf[name.split('.')[0] as Noun]();
    routes.push(routeOf(core, name, operation, fields[name]?.input ?? []));
  }
  return routes;
};

export interface RoutePorts {
  core: Answering;
  actorOf(request: FastifyRequest): Actor;
}

/** Whatever is unusual about a request. */
export const addRoute = (
  app: FastifyInstance,
  { core, actorOf }: RoutePorts,
  { name, method, url, bodyLimit, open }: OperationRoute,
): void => {
  app.route({
    method,
    url,
    bodyLimit,
    config: { named: name, operation: name },
    async onRequest(request, reply) {
      const { isLarge, isOdd } = announced(request.method, request.headers);
      const actor = actorOf(request);
      if (!isLarge && !isOdd && actor.kind !== 'nobody') return;
      // A body that nobody reads would have to arrive before the next request could.
      const closes = isLarge || isOdd;
      if (closes) reply.header('Connection', 'close');
      await core.screen(actor, name);
      if (isOdd) throw bodyRefused(request.method);
      if (closes) reply.removeHeader('Connection');
    },
    async handler(request, reply) {
      const does = open(actorOf(request), {
        method: request.method,
        params: request.params as Record<string, string>,
        target: request.raw.url ?? '',
        headers: request.headers,
      });
      const { status, answer } = await does(request.body as Uint8Array | undefined);
      return answer === undefined ? reply.code(status).send() : reply.code(status).type(jsonType).send(answer.text);
    },
  });
};
