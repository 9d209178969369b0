/** How long a later use of a credential may wait until it is written. */
const gapMs = 60_000;
/** Whoever calls meanwhile waits for no more than these. */
const mostAtOnce = 100;

/**
 * When credentials were last used, on its way to the store: a first use is due at once, later ones once a minute, so that
 * a busy key costs one write a minute and not one a request.
 */
export const makeUses = () => {
  const due = new Map<string, number>();
  /** Of those that were written less than a minute ago. */
  const later = new Map<string, number>();
  /** In the order in which they were. */
  const written = new Map<string, number>();

  const passMinute = (now: number): void => {
    for (const [id, at] of written) {
      if (now - at < gapMs) return;
      written.delete(id);
      const next = later.get(id);
      if (next === undefined) continue;
      later.delete(id);
      due.set(id, next);
    }
  };

  return {
    note(id: string, at: number): void {
      const waiting = written.has(id) ? later : due;
      waiting.set(id, Math.max(at, waiting.get(id) ?? 0));
    },

    /** All that waits. */
    takeAll(): [id: string, at: number][] {
      const taken = [...due, ...later];
      due.clear();
      later.clear();
      return taken;
    },

    /** Of what is due by now as much as is written at once; `hasMore` where that wasn't all. */
    take(now: number): { taken: [id: string, at: number][]; hasMore: boolean } {
      passMinute(now);
      const taken: [string, number][] = [];
      for (const one of due) {
        if (taken.length === mostAtOnce) break;
        taken.push(one);
      }
      for (const [id] of taken) {
        due.delete(id);
        written.set(id, now);
      }
      return { taken, hasMore: due.size > 0 };
    },
  };
};
