export const wildcard = '.*';

/** Whether one held permission carries the wanted one, which may itself be a wildcard. */
export const carries = (held: string, wanted: string): boolean =>
  held === wanted || (held.endsWith(wildcard) && wanted.startsWith(held.slice(0, -1)));

export const holds = (held: readonly string[], wanted: string): boolean => held.some((one) => carries(one, wanted));
