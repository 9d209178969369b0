import type { IncomingMessage } from 'node:http';
import type { Actor } from '../core/caller.ts';
import { repeated, type Spelled, spelled } from '../spelled.ts';
import { refusalOf } from './answer.ts';
import { jsonType } from './beside.ts';
import { announced, type Does, type OperationRoute } from './routes.ts';

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

/** What a request says before its body. */
export type Head = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders'>;

/** What the log and the metrics tell of a request before it is answered: its own are only the method and the address. */
export interface About {
  operation: string;
  method: string;
  route: string;
  ip: string;
}

/** Where requests with this head lead, from this address. */
export interface Way extends Pick<OperationRoute, 'wire'> {
  head: Head;
  about: About;
  /** Those of each answer. */
  headers: readonly string[];
  does: Does;
}

/** Takes the answer: each header's name before its value, without those of the way. */
export type Send = (status: number, headers: readonly string[], answer?: Spelled) => void;

interface DoorPorts {
  actorOf(head: Head, ip: string): Actor;
  /** All headers of the answers but those that tell of one. */
  headersOf(head: Head): string[];
  failed(id: string, error: unknown): void;
  ownerWithoutCredential: boolean;
}

interface Asked {
  way: Way;
  /** That of the request. */
  id: string;
  body: Uint8Array | undefined;
  send: Send;
}

export interface Door {
  /** Undefined where a request has to go the long way, as far as can be told before its body. */
  find(head: Head, ip: string): Way | undefined;
  /** Answers soon. */
  answer(asked: Asked): void;
}

/**
 * The short way to an operation, for requests with nothing unusual about them: Fastify's own costs more than looking up a
 * key. The same routes stand behind it, and whatever isn't plain goes the long way, to the same answer.
 */
export const openDoor = (
  routes: readonly OperationRoute[],
  { actorOf, headersOf, failed, ownerWithoutCredential }: DoorPorts,
): Door => {
  const plan = planOf(routes);

  const follow = (
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

  const reply = ({ id, send }: Asked, status: number, more: readonly string[], answer?: Spelled): void => {
    const headers = ['X-Request-Id', id, ...more];
    if (answer !== undefined) headers.push('Content-Type', jsonType, 'Content-Length', String(answer.length));
    send(status, headers, answer);
  };

  const answerOne = async (asked: Asked): Promise<void> => {
    const { way, id, body } = asked;
    try {
      const { status, answer } = await way.does(body);
      reply(asked, status, [], answer);
    } catch (error) {
      const refusal = refusalOf(error, way.wire);
      if (refusal.ours) failed(id, error);
      reply(asked, refusal.status, Object.entries(refusal.headers).flat(), spelled(refusal.body));
    }
  };

  /**
   * What arrives in one turn of the event loop is answered together at its end: whom we write to wakes up once, not once
   * for each answer, and the database is asked once whether what is remembered still stands.
   */
  const arrived: Asked[] = [];

  return {
    find(head, ip) {
      const { method = '', url: target = '', headers } = head;
      const { isLarge, isOdd } = announced(method, headers);
      if (isLarge || isOdd || headers.expect !== undefined) return undefined;
      if (headers.authorization === undefined && !ownerWithoutCredential) return undefined;
      if (!plainTarget.test(target)) return undefined;
      const mark = target.indexOf('?');
      const found = follow(method, mark === -1 ? target : target.slice(0, mark));
      if (found === undefined) return undefined;
      const { name, url, wire, open } = found.route;
      const does = open(actorOf(head, ip), { method, target, headers, params: found.params });
      const about = repeated<About>({ operation: name, method, route: url, ip });
      return { ...(wire === undefined ? {} : { wire }), head, about, headers: headersOf(head), does };
    },

    answer(asked) {
      if (arrived.length === 0) {
        setImmediate(() => {
          for (const one of arrived.splice(0)) void answerOne(one);
        });
      }
      arrived.push(asked);
    },
  };
};
