/** How long a later use of a credential may wait until it is written. */
const gapMs = 60_000;

/**
 * When credentials were last used, on its way to the store: a first use is due at once, later ones once a minute, so that
 * a busy key costs one write a minute and not one a request.
 */
export const makeUses = () => {
  const waiting = new Map<string, number>();
  const written = new Map<string, number>();
  return {
    note(id: string, at: number): void {
      waiting.set(id, Math.max(at, waiting.get(id) ?? 0));
    },

    /** All that waits, or what is due by now. */
    take(now?: number): [id: string, at: number][] {
      const isDue = ([id]: [string, number]): boolean => now === undefined || now - (written.get(id) ?? 0) >= gapMs;
      const taken = [...waiting].filter(isDue);
      for (const [id] of taken) waiting.delete(id);
      if (now === undefined) return taken;
      for (const [id, at] of written) if (now - at >= gapMs) written.delete(id);
      for (const [id] of taken) written.set(id, now);
      return taken;
    },
  };
};
