import { MobiusError } from '../errors.ts';

/** Quoted where YAML would take it for something else than a text. */
const keyText = (key: string): string => (/^[A-Za-z_][\w-]*$/.test(key) ? key : JSON.stringify(key));

/** What a person fills in: the keys of a secret, with nothing behind them. */
export const valuesForm = ({ name, key_names: keys }: { name: string; key_names: readonly string[] }): string =>
  [
    `# The values of the secret ${JSON.stringify(name)}, as YAML. A value that stays empty is kept as it is stored.`,
    '# Write it between the quotes. A key that is taken out is removed, a new one is added.',
    '# A text of several lines: "key: |" and the lines below it, each after two spaces.',
    ...keys.map((key) => `${keyText(key)}: ""`),
    '',
  ].join('\n');

/** Every scalar is a text, whatever it looks like. Says where something is wrong, never what stands there. */
export const parseValues = async (text: string): Promise<Record<string, string>> => {
  const { parseDocument, visit } = await import('./yaml.ts');
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: true });
  const [error] = document.errors;
  const [start] = error?.linePos ?? [];
  if (error !== undefined) {
    const where = start === undefined ? '' : ` at line ${start.line}, column ${start.col}`;
    throw new MobiusError('usage', `what was edited is not valid YAML${where}`);
  }
  visit(document, {
    Scalar(_, node) {
      // What was meant as a part of the value would be lost without a word.
      if (node.comment == null) return;
      throw new MobiusError('usage', 'a value in what was edited is followed by #: put it between quotes');
    },
  });
  const values: unknown = document.toJS() ?? {};
  const isMap = typeof values === 'object' && values !== null && !Array.isArray(values);
  if (!isMap || Object.values(values).some((value) => typeof value !== 'string')) {
    throw new MobiusError('usage', 'what was edited is not a list of keys with a text each');
  }
  return values as Record<string, string>;
};
