/** How long a later use of a credential may wait until it is written. */
const gapMs = 60_000;
/** Whoever calls meanwhile waits for no more than these. */
const mostAtOnce = 100;

/** When a credential was last used. Who keeps it need not look for it with the next use. */
export interface Use {
  readonly id: string;
  at: number;
  /** `written`: less than a minute ago. */
  state: 'idle' | 'due' | 'written';
  /** The use that was taken last to be written, and when that was. */
  told: number;
  toldAt: number;
}

/**
 * When credentials were last used, on its way to the store: a first use is due at once, later ones once a minute, so that
 * a busy key costs one write a minute and not one a request.
 */
export const makeUses = () => {
  /** All that are not idle. */
  const known = new Map<string, Use>();
  const due = new Set<Use>();
  /** In the order in which they were. */
  const written = new Set<Use>();

  const become = (use: Use, state: 'due' | 'written'): void => {
    use.state = state;
    (state === 'due' ? due : written).add(use);
    known.set(use.id, use);
  };

  const rest = (use: Use): void => {
    use.state = 'idle';
    known.delete(use.id);
  };

  const passMinute = (now: number): void => {
    for (const use of written) {
      if (now - use.toldAt < gapMs) return;
      written.delete(use);
      rest(use);
      if (use.at > use.told) become(use, 'due');
    }
  };

  const tell = (use: Use): [id: string, at: number] => {
    use.told = use.at;
    return [use.id, use.at];
  };

  return {
    of: (id: string): Use => known.get(id) ?? { id, at: 0, state: 'idle', told: 0, toldAt: 0 },

    note(use: Use, at: number): void {
      // Of one that idled another may have been made meanwhile.
      const live = use.state === 'idle' ? (known.get(use.id) ?? use) : use;
      live.at = Math.max(at, live.at);
      if (live.state === 'idle') become(live, 'due');
    },

    /** All that waits. */
    takeAll(): [id: string, at: number][] {
      const waiting = [...due, ...[...written].filter(({ at, told }) => at > told)];
      for (const use of due) rest(use);
      due.clear();
      return waiting.map(tell);
    },

    /** Of what is due by now as much as is written at once; `hasMore` where that wasn't all. */
    take(now: number): { taken: [id: string, at: number][]; hasMore: boolean } {
      passMinute(now);
      const taken: [string, number][] = [];
      for (const use of due) {
        if (taken.length === mostAtOnce) break;
        due.delete(use);
        become(use, 'written');
        use.toldAt = now;
        taken.push(tell(use));
      }
      return { taken, hasMore: due.size > 0 };
    },
  };
};
