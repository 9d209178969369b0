import { MobiusError } from '../errors.ts';

const decoded = (text: string, where: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new MobiusError('bad_request', `${where} has a percent sign that begins no character`);
  }
};

/** The parameters of a query or a form in their order, repeated ones too. */
export const pairsOf = (text: string, where: string): [string, string][] =>
  text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [decoded(name, where), decoded(value, where)];
    });

/** What stands behind the question mark of a request's target. */
export const queryOf = (target: string): string => {
  const [path = ''] = target.split('#', 1);
  const at = path.indexOf('?');
  return at === -1 ? '' : path.slice(at + 1);
};
