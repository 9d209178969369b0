import type { IncomingMessage } from 'node:http';
import type { Actor } from '../core/caller.ts';
import { refusalOf } from './answer.ts';
import { jsonType } from './beside.ts';
import { announced, type OperationRoute } from './routes.ts';

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

/** Where a request leads. */
export interface Way {
  route: OperationRoute;
  params: Record<string, string>;
}

/** Takes the answer: each header's name before its value. */
export type Send = (status: number, headers: readonly string[], text?: string) => void;

/** `T`: what else is known of a request. */
export interface DoorPorts<T> {
  actorOf(head: Head, told: T): Actor;
  /** All headers of the answer but those that tell of its body. */
  headersOf(head: Head, told: T): string[];
  failed(told: T, error: unknown): void;
  ownerWithoutCredential: boolean;
}

interface Asked<T> extends Way {
  head: Head;
  told: T;
  body: Uint8Array | undefined;
  send: Send;
}

export interface Door<T> {
  /** Undefined where the request has to go the long way, or as far as can be told before its body. */
  find(head: Head): Way | undefined;
  /** Answers soon. */
  answer(asked: Asked<T>): void;
}

/**
 * The short way to an operation, for requests with nothing unusual about them: Fastify's own costs more than looking up a
 * key. The same routes stand behind it, and whatever isn't plain goes the long way, to the same answer.
 */
export const openDoor = <T>(
  routes: readonly OperationRoute[],
  { actorOf, headersOf, failed, ownerWithoutCredential }: DoorPorts<T>,
): Door<T> => {
  const plan = planOf(routes);

  const follow = (method: string, path: string): Way | undefined => {
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

  const reply = ({ head, told, send }: Asked<T>, status: number, more: readonly string[], text?: string): void => {
    const headers = headersOf(head, told);
    headers.push(...more);
    if (text !== undefined) headers.push('Content-Type', jsonType, 'Content-Length', String(Buffer.byteLength(text)));
    send(status, headers, text);
  };

  const answer = async (asked: Asked<T>): Promise<void> => {
    const { head, told, route, params, body } = asked;
    try {
      const { method = '', url: target = '', headers } = head;
      const { status, text } = await route.answer(actorOf(head, told), { method, target, headers, params, body });
      reply(asked, status, [], text);
    } catch (error) {
      const refusal = refusalOf(error, route.wire);
      if (refusal.ours) failed(told, error);
      reply(asked, refusal.status, Object.entries(refusal.headers).flat(), JSON.stringify(refusal.body));
    }
  };

  /**
   * What arrives in one turn of the event loop is answered together at its end: whom we write to wakes up once, not once
   * for each answer, and the database is asked once whether what is remembered still stands.
   */
  const arrived: Asked<T>[] = [];

  return {
    find(head) {
      const { method = '', url: target = '', headers } = head;
      const { isLarge, isOdd } = announced(method, headers);
      if (isLarge || isOdd || headers.expect !== undefined) return undefined;
      if (headers.authorization === undefined && !ownerWithoutCredential) return undefined;
      if (!plainTarget.test(target)) return undefined;
      const mark = target.indexOf('?');
      return follow(method, mark === -1 ? target : target.slice(0, mark));
    },

    answer(asked) {
      if (arrived.length === 0) {
        setImmediate(() => {
          for (const one of arrived.splice(0)) void answer(one);
        });
      }
      arrived.push(asked);
    },
  };
};
