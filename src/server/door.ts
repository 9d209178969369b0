import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../core/caller.ts';
import { type Refusal, refusalOf } from './answer.ts';
import { jsonType } from './beside.ts';
import { announced, isWithoutBody, type OperationRoute } from './routes.ts';

/** One path of the operations, split at its slashes. */
interface Step {
  literal: Map<string, Step>;
  /** Whatever stands there. */
  any?: Step;
  routes: Map<string, { route: OperationRoute; params: readonly string[] }>;
}

const newStep = (): Step => ({ literal: new Map(), routes: new Map() });

const planOf = (routes: readonly OperationRoute[]): Step => {
  const root = newStep();
  for (const route of routes) {
    const params: string[] = [];
    let at = root;
    for (const part of route.path.split('/')) {
      const param = /^\{(\w+)\}$/.exec(part)?.[1];
      let next = param === undefined ? at.literal.get(part) : at.any;
      next ??= newStep();
      if (param === undefined) at.literal.set(part, next);
      else {
        params.push(param);
        at.any = next;
      }
      at = next;
    }
    at.routes.set(route.method, { route, params });
  }
  return root;
};

/** Nothing in it has to be decoded, and nothing is longer than a name. */
const plainTarget = /^(?:\/[\w.~-]{1,128})+(?:\?[\w.~=&-]*)?$/;

/** `T`: what else is known of a request. */
export interface DoorPorts<T> {
  actorOf(request: IncomingMessage, told: T): Actor;
  /** All headers of the answer but those that tell of its body. */
  headersOf(request: IncomingMessage, told: T): string[];
  /** From here on the request is known to be of this operation. */
  found(told: T, route: OperationRoute): void;
  failed(told: T, error: unknown): void;
}

interface Asked<T> {
  request: IncomingMessage;
  response: ServerResponse;
  told: T;
}

/**
 * The short way to an operation, for requests with nothing unusual about them: Fastify's own costs more than looking up a
 * key. The same routes stand behind it, and whatever isn't plain goes the long way, to the same answer.
 */
export const openDoor = <T>(routes: readonly OperationRoute[], { actorOf, headersOf, found, failed }: DoorPorts<T>) => {
  const plan = planOf(routes);

  const find = (
    method: string,
    path: string,
  ): { route: OperationRoute; params: Record<string, string> } | undefined => {
    const values: string[] = [];
    let at: Step | undefined = plan;
    for (const part of path.split('/')) {
      const literal: Step | undefined = at.literal.get(part);
      if (literal === undefined) values.push(part);
      at = literal ?? at.any;
      if (at === undefined) return undefined;
    }
    const there = at.routes.get(method);
    if (there === undefined) return undefined;
    return { route: there.route, params: Object.fromEntries(there.params.map((name, i) => [name, values[i] ?? ''])) };
  };

  const send = (
    { request, response, told }: Asked<T>,
    status: number,
    more: readonly string[],
    text?: string,
  ): void => {
    if (response.destroyed || response.headersSent) return;
    const headers = headersOf(request, told);
    headers.push(...more);
    if (text !== undefined) headers.push('Content-Type', jsonType, 'Content-Length', String(Buffer.byteLength(text)));
    response.writeHead(status, headers);
    response.end(text);
  };

  const refuse = (asked: Asked<T>, error: unknown, { wire }: OperationRoute): void => {
    const { status, headers, body, ours }: Refusal = refusalOf(error, wire);
    if (ours) failed(asked.told, error);
    send(asked, status, Object.entries(headers).flat(), JSON.stringify(body));
  };

  const answer = async (
    asked: Asked<T>,
    { route, params }: NonNullable<ReturnType<typeof find>>,
    body: Uint8Array | undefined,
  ): Promise<void> => {
    try {
      const { method = '', url: target = '', headers } = asked.request;
      const actor = actorOf(asked.request, asked.told);
      const { status, text } = await route.answer(actor, { method, target, headers, params, body });
      send(asked, status, [], text);
    } catch (error) {
      refuse(asked, error, route);
    }
  };

  /**
   * What arrives in one turn of the event loop is answered together at its end: whom we write to wakes up once, not once
   * for each answer, and the database is asked once whether what is remembered still stands.
   */
  const arrived: Parameters<typeof answer>[] = [];
  const answerSoon = (...given: Parameters<typeof answer>): void => {
    if (arrived.length === 0) {
      setImmediate(() => {
        for (const one of arrived.splice(0)) void answer(...one);
      });
    }
    arrived.push(given);
  };

  /** False where the request has to go the long way; none of its body has been read then. */
  return (asked: Asked<T>): boolean => {
    const { request } = asked;
    const { method = '', url: target = '', headers } = request;
    const { isLarge, isOdd } = announced(method, headers);
    if (isLarge || isOdd || headers.authorization === undefined || headers.expect !== undefined) return false;
    if (!plainTarget.test(target)) return false;
    const mark = target.indexOf('?');
    const way = find(method, mark === -1 ? target : target.slice(0, mark));
    if (way === undefined) return false;
    found(asked.told, way.route);
    if (isWithoutBody(method)) {
      answerSoon(asked, way, undefined);
      return true;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const [first] = parts;
      answerSoon(asked, way, parts.length === 1 ? first : Buffer.concat(parts));
    });
    return true;
  };
};
