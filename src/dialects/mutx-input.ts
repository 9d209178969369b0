import { MobiusError } from '../errors.ts';
import { isObject, type Received, session } from './dialect.ts';

/** Facts of this contract: every account has keys of its own, ten at a time, and one that came with it. */
export const manner = { ownOnly: true, namesRepeat: true, keyPrefix: 'mutx_live_', keyShape: 'plain' } as const;

/** Two families of paths: the first asks for a session, the later one takes a key too. */
export const families = [
  { at: '/v1', credentials: ['session', 'api-key'] },
  { at: '', credentials: session },
] as const;

/** One thing that is wrong with a request, as this contract lists it. */
interface Wrong {
  type: string;
  loc: readonly (string | number)[];
  msg: string;
  input: unknown;
}

export const wrong = (...list: Wrong[]): MobiusError =>
  new MobiusError('invalid_input', list[0]?.msg ?? 'invalid', { field: 'body', wrong: list });

/** They are shown what they sent, but for what must stand in no log of answers. */
const hidden: readonly string[] = ['password', 'refresh_token'];
const shownBack = (name: string, value: unknown): unknown => (hidden.includes(name) ? '**********' : value);

/** Collects all that is wrong before it says so. */
export const reading = (place: 'body' | 'query', fields: Record<string, unknown>) => {
  const found: Wrong[] = [];
  const note = (type: string, name: string, msg: string, input: unknown): undefined => {
    found.push({ type, loc: [place, name], msg, input: shownBack(name, input) });
    return undefined;
  };
  return {
    text(name: string, { least = 0 } = {}): string {
      const value = fields[name];
      if (value === undefined) {
        const all = Object.fromEntries(Object.entries(fields).map(([field, sent]) => [field, shownBack(field, sent)]));
        found.push({ type: 'missing', loc: [place, name], msg: 'Field required', input: all });
      } else if (typeof value !== 'string') note('string_type', name, 'Input should be a valid string', value);
      else if (value.trim().length < least) {
        note('string_too_short', name, `String should have at least ${least} character`, value);
      } else return value;
      return '';
    },
    whole(name: string, least: number, most: number): number | undefined {
      const value = fields[name];
      if (value === undefined || value === null) return undefined;
      const number = typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value) ? Number(value) : value;
      if (typeof number === 'string') {
        return note(
          'int_parsing',
          name,
          'Input should be a valid integer, unable to parse string as an integer',
          value,
        );
      }
      if (typeof number !== 'number') return note('int_type', name, 'Input should be a valid integer', value);
      if (!Number.isInteger(number)) {
        return note(
          'int_from_float',
          name,
          'Input should be a valid integer, got a number with a fractional part',
          value,
        );
      }
      if (number < least) {
        return note('greater_than_equal', name, `Input should be greater than or equal to ${least}`, value);
      }
      if (number > most) return note('less_than_equal', name, `Input should be less than or equal to ${most}`, value);
      return number;
    },
    email(name: string): string {
      const text = this.text(name);
      if (text !== '' && !/^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(text)) {
        note('value_error', name, 'value is not a valid email address', text);
      }
      return text;
    },
    done(): void {
      if (found.length > 0) throw wrong(...found);
    },
  };
};

/** `secret`: what may stand in it is not repeated. */
export const bodyOf = ({ body }: Received, secret = false): Record<string, unknown> => {
  if (isObject(body)) return body;
  throw body === undefined
    ? wrong({ type: 'missing', loc: ['body'], msg: 'Field required', input: null })
    : wrong({
        type: 'model_attributes_type',
        loc: ['body'],
        msg: 'Input should be a valid dictionary or object to extract fields from',
        input: secret ? null : body,
      });
};
