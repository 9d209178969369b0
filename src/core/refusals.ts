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

const minuteMs = 60_000;

const sameThing = ({ operation, reason, minute, source }: Omit<Refusal, 'count'>): string => {
  const { projectId, principalId, credentialId, address } = source;
  return [operation, reason, minute, projectId, principalId, credentialId, address].join(' ');
};

/** Of a minute: a flood from many places fills no disk either. What is beyond is counted without its source. */
const mostSources = 200;

/**
 * Counts refused calls, one entry a source, operation, reason and minute. The first of a minute is told soon, so that
 * whoever watches sees it; what follows it is told together when the minute is over.
 */
export const makeRefusals = () => {
  const counted = new Map<string, Refusal & { told: boolean }>();
  return {
    note(operation: Name, reason: string, source: Source, now: number): void {
      const minute = now - (now % minuteMs);
      const known = counted.size < mostSources ? source : {};
      const refusal = { operation, reason, source: known, minute };
      const at = sameThing(refusal);
      const entry = counted.get(at) ?? { ...refusal, count: 0, told: false };
      entry.count += 1;
      counted.set(at, entry);
    },

    /** All that is counted, or what is due by now. */
    take(now?: number): Refusal[] {
      const taken: Refusal[] = [];
      for (const [at, entry] of counted) {
        const isOver = now === undefined || entry.minute + minuteMs <= now;
        if (entry.count > 0 && (isOver || !entry.told)) {
          const { told: _, ...refusal } = entry;
          taken.push({ ...refusal });
          entry.count = 0;
          entry.told = true;
        }
        if (isOver) counted.delete(at);
      }
      return taken;
    },

    /** What was taken and could not be told is told the next time. */
    giveBack(untold: readonly Refusal[]): void {
      for (const refusal of untold) {
        const at = sameThing(refusal);
        const { count = 0 } = counted.get(at) ?? {};
        counted.set(at, { ...refusal, count: count + refusal.count, told: false });
      }
    },
  };
};
