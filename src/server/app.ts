import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Actor } from '../core/caller.ts';
import { idPrefixes, typeId, uuidText } from '../core/ids.ts';
import type { DialectName } from '../dialects/names.ts';
import { MobiusError } from '../errors.ts';
import { operations } from '../generated/operations.ts';
import type { Io } from '../io.ts';
import type { Name, Operation } from '../operations.ts';
import { traceOf } from '../trace.ts';
import { actorOf, addressFor, originOf } from './actor.ts';
import { openAllowed } from './allowed.ts';
import { refusalOf } from './answer.ts';
import { addBeside, type BesidePorts, jsonType } from './beside.ts';
import { type Plainly, wentAway } from './connection.ts';
import { addDevicePage } from './device-page.ts';
import { addDialects, type RefuseIn } from './dialects.ts';
import { type About, type Head, openDoor, type Send } from './door.ts';
import { addHeaders, type HeaderOptions, headersOf } from './headers.ts';
import type { Log } from './log.ts';
import { addRoute, isWithoutBody, largestUnasked, type RoutePorts, routesOf } from './routes.ts';

export interface AppPorts extends Pick<RoutePorts, 'core'>, Omit<BesidePorts, 'isDraining'> {
  io: Pick<Io, 'newUuid' | 'now'>;
  log: Log;
  /** Called as each request comes, whatever it asks for; what it gives is called when the answer is out. */
  asked?: ((head: Head) => (() => void) | undefined) | undefined;
}

export interface AppOptions extends HeaderOptions {
  /** One proxy stands before us, and what it says of the caller's address holds. */
  behindProxy: boolean;
  /** Whoever can reach it is the owner: a socket that only they can open. */
  ownerWithoutCredential: boolean;
  /** Other systems whose contracts it speaks besides. */
  dialects: readonly DialectName[];
  /** How browsers reach it; absent where they come as they name it themselves. */
  publicUrl?: string | undefined;
}

export interface App {
  /** `throughFile`: by a socket in a folder, which only programs of this machine reach. */
  handle(request: IncomingMessage, response: ServerResponse, throughFile: boolean): void;
  /** Answers requests that Node's HTTP server has not read. */
  plainly(throughFile: boolean): Plainly;
  /** From now on it says that it is not ready, and asks to close each connection after its answer. */
  drain(): void;
  close(): Promise<void>;
}

/** What is known of a request beside Fastify, which some requests never reach. */
interface Told {
  id: string;
  about: About;
  wire?: Operation['wire'];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the log and the metrics call it. */
    named?: string;
    operation?: Name;
  }
}

/** Counts a request, and gives what does so with its answer, and writes its line. */
const tell = (head: Head, told: Told, { log, metrics, asked }: Pick<AppPorts, 'log' | 'metrics' | 'asked'>) => {
  const began = performance.now();
  metrics.began();
  const answered = asked?.(head);
  return (status: number): void => {
    const took = performance.now() - began;
    metrics.ended(told.about, status, took / 1000);
    log.answered(told.id, told.about, status, Math.round(took * 1000) / 1000);
    answered?.();
  };
};

/** All of a request's body, when it is there. */
const readAll = (request: IncomingMessage, done: (body: Uint8Array | undefined) => void): void => {
  if (isWithoutBody(request.method ?? '')) {
    done(undefined);
    return;
  }
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => done(parts.length === 1 ? parts[0] : Buffer.concat(parts)));
};

export const makeApp = async (ports: AppPorts, options: AppOptions): Promise<App> => {
  const { core, io, log } = ports;
  const requests = new WeakMap<IncomingMessage, Told>();
  const allowed = openAllowed();
  let draining = false;
  let refuseIn: RefuseIn = () => undefined;

  const toldOf = ({ raw }: FastifyRequest): Told => {
    const told = requests.get(raw);
    if (told === undefined) throw new MobiusError('internal', 'a request came past the door');
    return told;
  };

  const tellFailure = (id: string, error: unknown): void => {
    log.error('failed', { request_id: id, stack: traceOf(error) });
  };
  const noteFailure = (request: FastifyRequest, error: unknown): void => tellFailure(toldOf(request).id, error);

  const newTold = (about: About): Told => ({ id: typeId(idPrefixes.request, io.newUuid()), about });
  const ipOf = (head: Head, socket: Socket, throughFile: boolean): string =>
    addressFor(head, socket, throughFile, options.behindProxy);
  const actorFor = (head: Head, ip: string): Actor => actorOf(head, ip, options.ownerWithoutCredential);
  const headersFor = (head: Head): string[] => headersOf(head, options);
  const closing = (): string[] => (draining ? ['Connection', 'close'] : []);

  const refuse = (request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply => {
    const { status, headers, body, ours } = refusalOf(error, toldOf(request).wire);
    if (ours) noteFailure(request, error);
    return reply.code(status).headers(headers).type(jsonType).send(JSON.stringify(body));
  };

  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: largestUnasked,
    // Read by ourselves: what can't be decoded is refused, what is repeated too.
    routerOptions: { maxParamLength: 2048, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) => void refuse(request as FastifyRequest, reply as FastifyReply, error),
  });
  app.setErrorHandler((error, request, reply) => refuse(request, reply, error));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, bytes, done) => done(null, bytes));
  app.addHook('onRoute', (route) => allowed.note(route));
  app.addHook('onRequest', async (request) => {
    const { named = 'unknown', operation } = request.routeOptions.config;
    const { url: route = 'unknown' } = request.routeOptions;
    const wire = operation === undefined ? undefined : operations[operation].wire;
    const told = toldOf(request);
    told.about = { ...told.about, operation: named, route };
    if (wire !== undefined) told.wire = wire;
  });
  app.setNotFoundHandler((request, reply) => {
    const { url: target = '' } = request.raw;
    const methods = allowed.at(target);
    const refused = (error: MobiusError): FastifyReply => {
      const theirs = refuseIn(target)?.(error, request);
      if (theirs === undefined) return refuse(request, reply, error);
      return reply.code(theirs.status).type(jsonType).send(JSON.stringify(theirs.body));
    };
    if (methods.length === 0 && target !== '*') return refused(new MobiusError('not_found', 'no such path'));
    if (methods.length > 0) reply.header('Allow', methods.join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).send();
    const method = request.method.slice(0, 32);
    return refused(new MobiusError('method_not_allowed', `this path does not take ${method}`));
  });

  const routes = await routesOf(core);
  for (const route of routes)
    addRoute(app, { core, actorOf: (request) => actorFor(request.raw, toldOf(request).about.ip) }, route);
  // Other contracts have some of the paths besides.
  const ownAlone = routes.filter(({ path }) => path.startsWith('/v1/projects/{project}/'));
  const door = openDoor(ownAlone, {
    actorOf: actorFor,
    headersOf: headersFor,
    failed: tellFailure,
    ownerWithoutCredential: options.ownerWithoutCredential,
  });
  refuseIn = await addDialects(app, options.dialects, {
    core,
    outside: {
      get now() {
        return io.now();
      },
      newUuid: () => uuidText(io.newUuid()),
    },
    fromOf: (request) => originOf(request.raw, toldOf(request).about.ip),
    noteFailure,
  });
  addBeside(app, { ...ports, isDraining: () => draining });
  addDevicePage(app, {
    core,
    publicUrl: options.publicUrl,
    now: io.now,
    fromOf: (request) => originOf(request.raw, toldOf(request).about.ip),
    noteFailure,
  });
  await app.ready();

  return {
    handle(request, response, throughFile) {
      const ip = ipOf(request, request.socket, throughFile);
      const way = door.find(request, ip);
      const { method = '' } = request;
      const told = newTold(way?.about ?? { operation: 'unknown', method, route: 'unknown', ip });
      const ended = tell(request, told, ports);
      response.once('close', () => ended(response.headersSent ? response.statusCode : wentAway));
      if (way === undefined) {
        requests.set(request, told);
        addHeaders(response, ['X-Request-Id', told.id, ...headersFor(request), ...closing()]);
        app.routing(request, response);
        return;
      }
      const send: Send = (status, headers, answer) => {
        if (response.destroyed || response.headersSent) return;
        response.writeHead(status, [...headers, ...way.headers, ...closing()]);
        response.end(answer?.text);
      };
      readAll(request, (body) => door.answer({ way, id: told.id, body, send }));
    },
    plainly: (throughFile) => ({
      find: (head, socket) => door.find(head, ipOf(head, socket, throughFile)),
      answer({ way, body, send }) {
        const told = newTold(way.about);
        door.answer({ way, id: told.id, body, send });
        return tell(way.head, told, ports);
      },
      isDraining: () => draining,
      now: io.now,
    }),
    drain() {
      draining = true;
    },
    close: async () => {
      await app.close();
    },
  };
};
