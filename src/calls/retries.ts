import { MobiusError } from '../errors.ts';
import type { Answer } from './http.ts';

/** What waiting and chance are made of; handed in, so that a test need not wait. */
export interface Pace {
  now(): number;
  /** Rejects as soon as the signal is given. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** From 0 up to, but not, 1. */
  random(): number;
}

const mostRetries = 3;
const firstMs = 250;
const longestMs = 30_000;

/** As RFC 9110 has it: seconds, or a date. */
const retryAfterMs = ({ headers }: Answer, now: number): number | undefined => {
  const text = headers['retry-after'];
  if (typeof text !== 'string') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
};

/** Somewhere in the upper half of what has doubled since: many clients that failed together don't come back together. */
const backOffMs = (attempt: number, random: number): number => firstMs * 2 ** attempt * (0.5 + random / 2);

const mayMend = (error: unknown): boolean =>
  error instanceof MobiusError && ['refused', 'reset', 'name'].includes(String(error.details.reason));

/** A token that is used up stays so. */
const isSpent = ({ text }: Answer): boolean => text.includes('"reason":"usage_exceeded"');

const isBusy = (answer: Answer): boolean => (answer.status === 429 && !isSpent(answer)) || answer.status === 503;

/** How long to wait for another try; undefined where the server wants more patience than a command has. */
const waitMs = (answer: Answer | undefined, attempt: number, { now, random }: Pace): number | undefined => {
  const asked = answer === undefined ? undefined : retryAfterMs(answer, now());
  if (asked !== undefined && asked > longestMs) return undefined;
  return Math.max(asked ?? 0, backOffMs(attempt, random()));
};

/**
 * Sends again what a server was too busy for, or what never reached it, three times at most. Only for what may be done
 * twice: by its method, or because the server knows a second one by its key.
 */
export const withRetries = async (
  send: () => Promise<Answer>,
  pace: Pace,
  signal: AbortSignal | undefined,
): Promise<Answer> => {
  for (let attempt = 0; ; attempt++) {
    let answer: Answer | undefined;
    try {
      answer = await send();
      if (attempt === mostRetries || !isBusy(answer)) return answer;
    } catch (error) {
      if (attempt === mostRetries || !mayMend(error)) throw error;
    }
    const ms = waitMs(answer, attempt, pace);
    if (ms === undefined && answer !== undefined) return answer;
    await pace.sleep(ms ?? 0, signal);
  }
};
