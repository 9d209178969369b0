import type { Name } from '../operations.ts';

/** Whom a refusal is counted for, as far as they are known. */
export interface Source {
  projectId?: string;
  principalId?: string;
  keyId?: string;
}

export interface Refusal {
  operation: Name;
  reason: string;
  source: Source;
  minute: number;
  count: number;
}

const minuteMs = 60_000;

/** Counts refused calls, one entry a source, operation, reason and minute: a flood fills no disk. */
export const makeRefusals = () => {
  const counted = new Map<string, Refusal>();
  return {
    note(operation: Name, reason: string, source: Source, now: number): void {
      const minute = now - (now % minuteMs);
      const at = [operation, reason, minute, source.projectId, source.principalId, source.keyId].join(' ');
      const entry = counted.get(at) ?? { operation, reason, source, minute, count: 0 };
      entry.count += 1;
      counted.set(at, entry);
    },
    take(): Refusal[] {
      const taken = [...counted.values()];
      counted.clear();
      return taken;
    },
  };
};
