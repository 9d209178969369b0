const width = 120;

const quoted = (text: string): string => {
  const json = JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"');
  return text.includes("'") && !text.includes('"') ? `"${json}"` : `'${json.replace(/'/g, "\\'")}'`;
};

/** A name as it stands before what it names. */
export const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name));

/** TypeScript that holds a piece of code as it stands, among data. */
export class Code {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Data as a TypeScript literal: on one line where it fits after `used` characters, else one entry a line. */
export const literal = (value: unknown, indent = '', used = indent.length): string => {
  if (value instanceof Code) return value.text;
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const labelled: [string, unknown][] = Array.isArray(value)
    ? value.map((entry) => ['', entry])
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([name, entry]) => [`${key(name)}: `, entry]);
  if (labelled.length === 0) return `${open}${close}`;

  const flat = labelled.map(([label, entry]) => label + literal(entry, '', Number.NEGATIVE_INFINITY)).join(', ');
  const oneLine = Array.isArray(value) ? `[${flat}]` : `{ ${flat} }`;
  if (used + oneLine.length < width && !oneLine.includes('\n')) return oneLine;
  const lines = labelled.map(
    ([label, entry]) => `${inner}${label}${literal(entry, inner, inner.length + label.length)},`,
  );
  return `${open}\n${lines.join('\n')}\n${indent}${close}`;
};
