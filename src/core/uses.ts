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
  /** Those that were written less than a minute ago, in that order; `next`: the last use that wasn't, or 0. */
  const written = new Map<string, { at: number; next: number }>();

  const passMinute = (now: number): void => {
    for (const [id, { at, next }] of written) {
      if (now - at < gapMs) return;
      written.delete(id);
      if (next > 0) due.set(id, next);
    }
  };

  const takeLater = (): [id: string, at: number][] => {
    const taken: [string, number][] = [];
    for (const [id, one] of written) {
      if (one.next > 0) taken.push([id, one.next]);
      one.next = 0;
    }
    return taken;
  };

  return {
    note(id: string, at: number): void {
      const before = written.get(id);
      if (before === undefined) due.set(id, Math.max(at, due.get(id) ?? 0));
      else before.next = Math.max(at, before.next);
    },

    /** All that waits. */
    takeAll(): [id: string, at: number][] {
      const taken = [...due, ...takeLater()];
      due.clear();
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
        written.set(id, { at: now, next: 0 });
      }
      return { taken, hasMore: due.size > 0 };
    },
  };
};
