import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '../core/caller.ts';
import type { Core } from '../core/core.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Input, Name, Noun, Operation } from '../operations.ts';
import { jsonType } from './beside.ts';
import { bodyRefused, type Field, readInput } from './input.ts';

export interface RoutePorts {
  core: Pick<Core, 'as' | 'screen'>;
  actorOf(request: FastifyRequest): Actor;
}

/** The values of one secret may be 16 MiB, and JSON escapes. */
const largestValues = 20 * 1024 * 1024;
const largestBody = 1024 * 1024;
/** More than this is read only for a credential that works, and never where none is needed. */
export const largestUnasked = 64 * 1024;

const withoutBody = ['GET', 'HEAD', 'DELETE'];

const idempotencyKey = ({ method, headers }: IncomingMessage): { idempotencyKey?: string } => {
  const text = headers['idempotency-key']?.toString();
  if (text === undefined || method === 'GET' || method === 'HEAD') return {};
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new MobiusError('bad_request', 'the Idempotency-Key must be 1 to 255 visible characters of ASCII');
  }
  return { idempotencyKey: text };
};

/** What the headers say of a body before any of it is read. */
const announced = ({ method, headers }: FastifyRequest): { isLarge: boolean; isOdd: boolean } => {
  const length = Number(headers['content-length'] ?? 0);
  const isChunked = headers['transfer-encoding'] !== undefined;
  return {
    isLarge: isChunked || length > largestUnasked,
    isOdd: (isChunked || length > 0) && withoutBody.includes(method),
  };
};

const limitOf = ({ scope }: Operation, fields: readonly Field[]): number => {
  if (scope === 'public') return largestUnasked;
  return fields.some(({ secret, kind }) => secret === true && kind === 'json') ? largestValues : largestBody;
};

const addRoute = (
  app: FastifyInstance,
  { core, actorOf }: RoutePorts,
  name: Name,
  operation: Operation,
  fields: readonly Field[],
): void => {
  /** A credential that the core refuses is refused before anything is said of the rest of the request. */
  const credentialFirst = (actor: Actor): Promise<void> => core.screen(actor, name);

  const inputOf = (request: FastifyRequest): object =>
    readInput(operation, fields, {
      params: request.params as Record<string, string>,
      target: request.raw.url ?? '',
      headers: request.headers,
      body: request.body as Uint8Array | undefined,
    });

  app.route({
    method: operation.method,
    url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
    bodyLimit: limitOf(operation, fields),
    config: { named: name, operation: name },
    async onRequest(request, reply) {
      const { isLarge, isOdd } = announced(request);
      const actor = actorOf(request);
      if (!isLarge && !isOdd && actor.kind !== 'nobody') return;
      // A body that nobody reads would have to arrive before the next request could.
      const closes = isLarge || isOdd;
      if (closes) reply.header('Connection', 'close');
      await credentialFirst(actor);
      if (isOdd) throw bodyRefused(request.method);
      if (closes) reply.removeHeader('Connection');
    },
    async handler(request, reply) {
      const actor = actorOf(request);
      let input: object;
      let options: { idempotencyKey?: string };
      try {
        input = inputOf(request);
        options = idempotencyKey(request.raw);
      } catch (error) {
        await credentialFirst(actor);
        throw error;
      }
      const output = await core.as(actor)(name, input as Input<Name>, options);
      if (operation.status === 204) return reply.code(204).send();
      return reply.code(operation.status).type(jsonType).send(JSON.stringify(output));
    },
  });
};

/** A route for each operation of the table. */
export const addRoutes = async (app: FastifyInstance, ports: RoutePorts): Promise<void> => {
  for (const [name, operation] of Object.entries(operations) as [Name, Operation][]) {
    const { fields } = await fieldsOf[name.split('.')[0] as Noun]();
    addRoute(app, ports, name, operation, fields[name]?.input ?? []);
  }
};
