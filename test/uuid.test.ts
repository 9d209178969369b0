import { expect, test } from 'vitest';
import { uuidSource } from '../src/uuid.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fill = (byte: number) => (bytes: Uint8Array) => void bytes.fill(byte);

test('time, version, variant and randomness stand where RFC 9562 wants them', () => {
  const next = uuidSource(() => 0x0123456789ab, fill(0xff));
  expect(hex(next())).toBe('0123456789ab77ffbfffffffffffffff');
});

test('later ones never sort before earlier ones', () => {
  const times = [1000, 1000, 999, 5, 1001, 1001, 1000];
  const next = uuidSource(() => times.shift() ?? 1001, fill(0));
  const made = Array.from({ length: 10_000 }, () => hex(next()));
  expect(made).toEqual([...new Set(made)].sort());
});

test('the clock leads again once it is ahead', () => {
  const times = [1000, 900, 2000];
  const next = uuidSource(() => times.shift() ?? 0, fill(0));
  expect([next(), next(), next()].map((bytes) => Number.parseInt(hex(bytes).slice(0, 12), 16))).toEqual([
    1000, 1000, 2000,
  ]);
});
