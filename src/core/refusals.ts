import type { Name } from '../operations.ts';

/** Whom a refusal is counted for, as far as they are known. */
export interface Source {
  projectId?: string;
  principalId?: string;
  credentialId?: string;
  /** Where it came from, told where nothing else is known. */
  address?: string;
}

export interface Refusal {
  operation: Name;
  reason: string;
  source: Source;
  minute: number;
  count: number;
}

type Counted = Refusal & { told: boolean };

const minuteMs = 60_000;
/**
 * Of a minute, and as many again of credentials that were issued here: a flood from many places fills no disk either, and
 * hides nobody who is known. What is beyond is counted without its source.
 */
const mostSources = 200;
/** As long as nothing can be written, and refusals go on. */
const mostMinutes = 60;

/**
 * Counts refused calls, one entry a source, operation, reason and minute. The first of a minute is told soon, so that
 * whoever watches sees it; what follows it is told together when the minute is over.
 */
export const makeRefusals = () => {
  const counted = new Map<string, Map<string, Counted>>();

  const entriesOf = (minute: number, isKnown: boolean): Map<string, Counted> => {
    const at = `${minute} ${isKnown}`;
    const entries = counted.get(at) ?? new Map<string, Counted>();
    counted.set(at, entries);
    return entries;
  };

  const add = (refusal: Refusal): Counted => {
    const { operation, reason, minute, source, count } = refusal;
    const { projectId, principalId, credentialId, address } = source;
    const at = [operation, reason, projectId, principalId, credentialId, address].join(' ');
    const entries = entriesOf(minute, credentialId !== undefined);
    const isNamed = credentialId !== undefined || address !== undefined;
    const isFull = entries.size >= mostSources || counted.size > 2 * mostMinutes;
    if (isNamed && isFull && !entries.has(at)) return add({ ...refusal, source: {} });
    const entry = entries.get(at) ?? { ...refusal, count: 0, told: false };
    entry.count += count;
    entries.set(at, entry);
    return entry;
  };

  return {
    note(operation: Name, reason: string, source: Source, now: number): void {
      add({ operation, reason, source, minute: now - (now % minuteMs), count: 1 });
    },

    /** All that is counted, or what is due by now. */
    take(now?: number): Refusal[] {
      const taken: Refusal[] = [];
      for (const [at, entries] of counted) {
        for (const entry of entries.values()) {
          const { told, ...refusal } = entry;
          const isOver = now === undefined || entry.minute + minuteMs <= now;
          if (entry.count === 0 || (told && !isOver)) continue;
          taken.push(refusal);
          entry.count = 0;
          entry.told = true;
        }
        const [{ minute = 0 } = {}] = entries.values();
        if (now === undefined || minute + minuteMs <= now) counted.delete(at);
      }
      return taken;
    },

    /** What could not be written is still to be told. */
    giveBack(refusals: readonly Refusal[]): void {
      for (const refusal of refusals) add(refusal).told = false;
    },
  };
};
