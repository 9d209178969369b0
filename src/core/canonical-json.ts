/**
 * RFC 8785 for an object of texts: keys sorted by their UTF-16 units, no white space, and texts as JSON.stringify writes
 * them, which is what the RFC takes over from ECMAScript.
 */
export const canonicalJson = (values: Readonly<Record<string, string>>): string =>
  `{${Object.keys(values)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${JSON.stringify(values[key])}`)
    .join(',')}}`;
