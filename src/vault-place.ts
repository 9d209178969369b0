/** A vault lies in a file, which a path names, or in a database server, where an address leads to. */
export const isAddress = (place: string): boolean =>
  place.startsWith('postgres://') || place.startsWith('postgresql://');
