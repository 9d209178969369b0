import { dateTime } from '../formats.ts';

const second = 1000;
const day = 86_400 * second;
const units: Readonly<Record<string, number>> = {
  s: second,
  m: 60 * second,
  h: 3600 * second,
  d: day,
  w: 7 * day,
};

const rfc3339 = (milliseconds: number): string | undefined => {
  const date = new Date(milliseconds);
  // Five digits of year are no RFC 3339.
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 1) return undefined;
  return date.toISOString().replace('.000Z', 'Z');
};

/** `90d`, `12h`, or a number of seconds; nothing where it is none of these. */
export const secondsFrom = (text: string): number | undefined => {
  const [, count, unit = 's'] = /^(\d+)([smhdw])?$/.exec(text) ?? [];
  const seconds = (Number(count) * (units[unit] ?? 0)) / second;
  return count !== undefined && Number.isSafeInteger(seconds) ? seconds : undefined;
};

/** A time as the contracts write it, from RFC 3339 or a duration from now (`90d`; `-7d` is a week ago). */
export const timeFrom = (text: string, now: number): string | undefined => {
  const [, sign, count, unit = ''] = /^(-?)(\d+)([smhdw])$/.exec(text) ?? [];
  if (count !== undefined) {
    const length = Number(count) * (units[unit] ?? 0);
    return rfc3339(Math.floor((sign === '-' ? now - length : now + length) / second) * second);
  }
  return dateTime(text) === undefined ? rfc3339(Date.parse(text)) : undefined;
};

const steps: readonly { name: string; length: number; upTo: number }[] = [
  { name: 'second', length: second, upTo: 60 * second },
  { name: 'minute', length: 60 * second, upTo: 3600 * second },
  { name: 'hour', length: 3600 * second, upTo: 2 * day },
  { name: 'day', length: day, upTo: 60 * day },
  { name: 'month', length: 30.44 * day, upTo: 730 * day },
];
const years = { name: 'year', length: 365.25 * day };

/** A time as people say it: `in 3 days`, `2 hours ago`. */
export const relative = (then: number, now: number): string => {
  const far = Math.abs(then - now);
  if (far < second) return 'now';
  const { name, length } = steps.find((step) => Math.round(far / step.length) * step.length < step.upTo) ?? years;
  const count = Math.max(1, Math.round(far / length));
  const said = `${count} ${name}${count === 1 ? '' : 's'}`;
  return then < now ? `${said} ago` : `in ${said}`;
};
