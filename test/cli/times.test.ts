import { describe, expect, test } from 'vitest';
import { relative, timeFrom } from '../../src/cli/times.ts';
import { now } from './fake-io.ts';

describe('a time', () => {
  test.each([
    ['2027-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2027-01-01T02:00:00+02:00', '2027-01-01T00:00:00Z'],
    ['2027-01-01T00:00:00.250Z', '2027-01-01T00:00:00.250Z'],
    ['90d', '2026-04-01T00:00:00Z'],
    ['12h', '2026-01-01T12:00:00Z'],
    ['30m', '2026-01-01T00:30:00Z'],
    ['2w', '2026-01-15T00:00:00Z'],
    ['45s', '2026-01-01T00:00:45Z'],
    ['-7d', '2025-12-25T00:00:00Z'],
    ['0s', '2026-01-01T00:00:00Z'],
  ])('%s is %s', (text, expected) => {
    expect(timeFrom(text, now)).toBe(expected);
  });

  test('a duration counts whole seconds', () => {
    expect(timeFrom('1s', now + 999)).toBe('2026-01-01T00:00:01Z');
  });

  test.each([
    '',
    'tomorrow',
    '1y',
    '1.5d',
    '90',
    'd',
    '+1d',
    '1 d',
    '2027-01-01',
    '2027-02-30T00:00:00Z',
    '2027-01-01T00:00:00',
  ])('%j is none', (text) => {
    expect(timeFrom(text, now)).toBeUndefined();
  });

  test.each(['9999999999999d', '99999999999999999999w', '3000000d', '-3000000d'])(
    '%s is beyond the calendar',
    (text) => {
      expect(timeFrom(text, now)).toBeUndefined();
    },
  );
});

describe('a time as people say it', () => {
  const minute = 60;
  const hour = 3600;
  const day = 86_400;
  test.each([
    [0, 'now'],
    [1, 'in 1 second'],
    [-59, '59 seconds ago'],
    [-60, '1 minute ago'],
    [59.7 * minute, 'in 1 hour'],
    [-2 * hour, '2 hours ago'],
    [47 * hour, 'in 47 hours'],
    [48 * hour, 'in 2 days'],
    [3 * day - 1, 'in 3 days'],
    [-59 * day, '59 days ago'],
    [90 * day, 'in 3 months'],
    [-365 * day, '12 months ago'],
    [3 * 365.25 * day, 'in 3 years'],
  ])('%d seconds: %s', (seconds, expected) => {
    expect(relative(now + seconds * 1000, now)).toBe(expected);
  });
});
