import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Core } from '../core/core.ts';
import { idPrefixes, typeId } from '../core/ids.ts';
import { MobiusError } from '../errors.ts';
import { fieldsOf } from '../generated/fields.ts';
import { operations } from '../generated/operations.ts';
import type { Io } from '../io.ts';
import type { Input, Name, Noun, Operation } from '../operations.ts';
import { actorOf, addressOf } from './actor.ts';
import { openAllowed } from './allowed.ts';
import { refusalOf } from './answer.ts';
import { bodyRefused, type Field, readInput } from './input.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface AppPorts {
  core: Pick<Core, 'as'>;
  io: Pick<Io, 'newUuid'>;
  log: Log;
  metrics: Metrics;
  /** The text of the document that describes the operations. */
  openapi: string;
  /** Rejects where the database doesn't answer. */
  ready(): Promise<void>;
  /** The keys that check what this server signed. */
  publicKeys?(): Promise<object[]>;
}

export interface AppOptions {
  /** One proxy stands before us, and what it says of the caller's address holds. */
  behindProxy: boolean;
  corsOrigins: readonly string[];
  /** The answers go out encrypted, and are to be asked for that way from now on. */
  tls: boolean;
  /** Whoever can reach it is the owner: a socket that only they can open. */
  ownerWithoutCredential: boolean;
}

export interface App {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** From now on it says that it is not ready, and asks to close each connection after its answer. */
  drain(): void;
  close(): Promise<void>;
}

/** What is known of a request beside Fastify, which some requests never reach. */
interface Told {
  id: string;
  operation: string;
  route: string;
  ip: string;
  wire?: Operation['wire'];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the log and the metrics call it. */
    named?: string;
    operation?: Name;
  }
}

const mebibyte = 1024 * 1024;
/** The values of one secret may be 16 MiB, and JSON escapes. */
const largestBody = 20 * mebibyte;
/** More than this is read only for a credential that works, and never where none is needed. */
const largestUnasked = 64 * 1024;

const withoutBody = ['GET', 'HEAD', 'DELETE'];

const securityHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};

const corsHeaders: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key, If-Match',
  'Access-Control-Max-Age': '600',
};

const idempotencyKey = ({ method, headers }: IncomingMessage): { idempotencyKey?: string } => {
  const text = headers['idempotency-key']?.toString();
  if (text === undefined || method === 'GET' || method === 'HEAD') return {};
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new MobiusError('bad_request', 'the Idempotency-Key must be 1 to 255 visible characters of ASCII');
  }
  return { idempotencyKey: text };
};

const json = 'application/json; charset=utf-8';

export const makeApp = async (ports: AppPorts, options: AppOptions): Promise<App> => {
  const { core, io, log, metrics } = ports;
  const told = new WeakMap<IncomingMessage, Told>();
  const allowed = openAllowed();
  let draining = false;

  const toldOf = (request: FastifyRequest): Told => {
    const found = told.get(request.raw);
    if (found === undefined) throw new MobiusError('internal', 'a request came past the door');
    return found;
  };

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply => {
    const { id, wire } = toldOf(request);
    const { status, headers, body, ours } = refusalOf(error, wire);
    if (ours) log.error({ request_id: id, stack: error instanceof Error ? error.stack : String(error) }, 'failed');
    return reply.code(status).headers(headers).type(json).send(JSON.stringify(body));
  };

  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: largestUnasked,
    ...(options.behindProxy ? { trustProxy: (_, hop) => hop < 1 } : {}),
    routerOptions: { maxParamLength: 2048, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) => void refuse(request as FastifyRequest, reply as FastifyReply, error),
  });
  app.setErrorHandler((error, request, reply) => refuse(request, reply, error));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, bytes, done) => done(null, bytes));
  app.addHook('onRoute', (route) => allowed.note(route));

  app.addHook('onRequest', async (request) => {
    const { named, operation } = request.routeOptions.config;
    const seen = toldOf(request);
    seen.ip = addressOf(request.ip, request.socket.remoteAddress);
    seen.operation = named ?? 'unknown';
    seen.route = request.routeOptions.url ?? 'unknown';
    if (operation !== undefined && operations[operation].wire !== undefined) seen.wire = operations[operation].wire;
  });

  /** Refuses a credential that the core refuses, before anything is said of the rest of the request. */
  const credentialFirst = async (name: Name, actor: ReturnType<typeof actorOf>): Promise<void> => {
    if (operations[name].scope === 'public' || actor.kind === 'owner') return;
    try {
      await core.as(actor)(name, null as unknown as Input<Name>);
    } catch (error) {
      if (error instanceof MobiusError && error.kind.http < 500 && error.kind.http !== 400) throw error;
    }
  };

  const register = (name: Name, operation: Operation, fields: readonly Field[]): void => {
    const open = operation.scope === 'public';
    const who = (request: FastifyRequest) => actorOf(request.raw, toldOf(request).ip, options.ownerWithoutCredential);
    app.route({
      method: operation.method,
      url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
      bodyLimit: open ? largestUnasked : largestBody,
      config: { named: name, operation: name },
      async onRequest(request) {
        const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
        const actor = who(request);
        const large = coding !== undefined || Number(length ?? 0) > largestUnasked;
        if (large || actor.kind === 'nobody') await credentialFirst(name, actor);
        if (withoutBody.includes(request.method) && (coding !== undefined || Number(length ?? 0) > 0)) {
          await credentialFirst(name, actor);
          throw bodyRefused(request.method);
        }
      },
      async handler(request, reply) {
        const actor = who(request);
        const read = (): { input: object; idempotencyKey?: string } => ({
          input: readInput(operation, fields, {
            params: request.params as Record<string, string>,
            target: request.raw.url ?? '',
            headers: request.headers,
            body: request.body as Uint8Array | undefined,
          }),
          ...idempotencyKey(request.raw),
        });
        let given: ReturnType<typeof read>;
        try {
          given = read();
        } catch (error) {
          await credentialFirst(name, actor);
          throw error;
        }
        const { input, ...callOptions } = given;
        const output = await core.as(actor)(name, input as Input<Name>, callOptions);
        if (operation.status === 204) return reply.code(204).send();
        return reply.code(operation.status).type(json).send(JSON.stringify(output));
      },
    });
  };

  for (const [name, operation] of Object.entries(operations) as [Name, Operation][]) {
    const { fields } = await fieldsOf[name.split('.')[0] as Noun]();
    register(name, operation, fields[name]?.input ?? []);
  }

  const publicFor = (seconds: number): Record<string, string> => ({ 'Cache-Control': `public, max-age=${seconds}` });
  app.get('/openapi.json', { config: { named: 'openapi' } }, (_, reply) =>
    reply.headers(publicFor(300)).type(json).send(ports.openapi),
  );
  app.get('/.well-known/jwks.json', { config: { named: 'jwks' } }, async (_, reply) => {
    const keys = (await ports.publicKeys?.()) ?? [];
    return reply.headers(publicFor(60)).type(json).send(JSON.stringify({ keys }));
  });
  app.get('/healthz', { config: { named: 'healthz' } }, (_, reply) => reply.type(json).send('{"status":"ok"}'));
  app.get('/readyz', { config: { named: 'readyz' } }, async (_, reply) => {
    const status = draining
      ? 'stopping'
      : await ports.ready().then(
          () => 'ok',
          () => 'no database',
        );
    return reply
      .code(status === 'ok' ? 200 : 503)
      .type(json)
      .send(JSON.stringify({ status }));
  });
  app.get('/metrics', { config: { named: 'metrics' } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );

  app.setNotFoundHandler((request, reply) => {
    const { url: target = '' } = request.raw;
    const methods = allowed.at(target);
    if (methods.length === 0 && target !== '*') {
      return refuse(request, reply, new MobiusError('not_found', 'no such path'));
    }
    if (methods.length > 0) reply.header('Allow', methods.join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).send();
    const method = request.method.slice(0, 32);
    return refuse(request, reply, new MobiusError('method_not_allowed', `this path does not take ${method}`));
  });

  await app.ready();

  const addHeaders = (request: IncomingMessage, response: ServerResponse, id: string): void => {
    response.setHeader('X-Request-Id', id);
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (options.tls) response.setHeader('Strict-Transport-Security', 'max-age=31536000');
    if (draining) response.setHeader('Connection', 'close');
    if (options.corsOrigins.length === 0) return;
    response.setHeader('Vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !options.corsOrigins.includes(origin)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', 'X-Request-Id, Retry-After');
    if (request.method === 'OPTIONS') {
      for (const [name, value] of Object.entries(corsHeaders)) response.setHeader(name, value);
    }
  };

  return {
    handle(request, response) {
      const began = performance.now();
      const id = typeId(idPrefixes.request, io.newUuid());
      const seen: Told = {
        id,
        operation: 'unknown',
        route: 'unknown',
        ip: addressOf(request.socket.remoteAddress, ''),
      };
      told.set(request, seen);
      addHeaders(request, response, id);
      metrics.began();
      response.once('close', () => {
        const took = performance.now() - began;
        const { operation, route, ip } = seen;
        const method = request.method ?? '';
        const status = response.headersSent ? response.statusCode : 499;
        metrics.ended({ operation, method, status, seconds: took / 1000 });
        const duration_ms = Math.round(took * 1000) / 1000;
        log.info({ request_id: id, operation, method, route, status, duration_ms, ip }, 'answered');
      });
      app.routing(request, response);
    },
    drain() {
      draining = true;
    },
    close: async () => {
      await app.close();
    },
  };
};
