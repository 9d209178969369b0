import { MobiusError } from '../errors.ts';

/** A piece of a text: as it stands, or a reference such as `openai.api_key` in its place. */
type Piece = { text: string; reference?: undefined } | { reference: string };

const opening = '${secret:';

const usage = (message: string): MobiusError =>
  new MobiusError('usage', message, {}, 'write ${secret:name.key}, or $${secret: for the text itself');

/** `said` names the text in an error; what stands in it is never said. */
const piecesOf = (text: string, said: string): Piece[] => {
  const pieces: Piece[] = [];
  let from = 0;
  for (;;) {
    const at = text.indexOf(opening, from);
    if (at === -1) return [...pieces, { text: text.slice(from) }];
    // A doubled sign stands for itself.
    if (at > from && text[at - 1] === '$') {
      pieces.push({ text: text.slice(from, at - 1) }, { text: opening });
      from = at + opening.length;
      continue;
    }
    const end = text.indexOf('}', at);
    const reference = text.slice(at + opening.length, end === -1 ? undefined : end);
    if (reference.endsWith('.*')) throw usage(`${said} holds "\${secret:${reference}}", which is more than one value`);
    const isWritten = end !== -1 && reference !== '' && reference.length <= 512 && !/[\n\r]/.test(reference);
    if (!isWritten) throw usage(`${said} holds a reference that is not ended or is empty`);
    pieces.push({ text: text.slice(from, at) }, { reference });
    from = end + 1;
  }
};

export const holdsReference = (text: string): boolean => text.includes(opening);

/** What the references in a text name, in order. */
export const referencesIn = (text: string, said: string): string[] =>
  piecesOf(text, said).flatMap(({ reference }) => (reference === undefined ? [] : [reference]));

/** The text with each reference replaced by its value. A value is never looked at for references. */
export const filled = (text: string, said: string, values: ReadonlyMap<string, string>): string =>
  piecesOf(text, said)
    .map((piece) => {
      if (piece.reference === undefined) return piece.text;
      const value = values.get(piece.reference);
      if (value === undefined) throw new MobiusError('internal', `no value came for "${piece.reference}"`);
      return value;
    })
    .join('');
