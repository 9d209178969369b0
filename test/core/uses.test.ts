import { expect, test } from 'vitest';
import { makeUses } from '../../src/core/uses.ts';

test('who keeps a use and who looks for it note one and the same, which is written once a minute', () => {
  const uses = makeUses();
  const kept = uses.of('key_1');
  uses.note(kept, 0);
  expect(uses.take(0)).toEqual({ taken: [['key_1', 0]], hasMore: false });
  // A minute without a use: it idles.
  expect(uses.take(60_000).taken).toEqual([]);
  const written: number[] = [];
  for (let now = 61_000; now < 661_000; now += 1_000) {
    uses.note(uses.of('key_1'), now);
    uses.note(kept, now + 500);
    written.push(...uses.take(now + 600).taken.map(([, at]) => at));
  }
  expect(written).toEqual(Array.from({ length: 10 }, (_, minute) => 61_500 + 60_000 * minute));
  expect(uses.takeAll()).toEqual([['key_1', 660_500]]);
  expect(uses.takeAll()).toEqual([]);
});

test('of many that are due some are taken at once, in their order, and the rest the next time', () => {
  const uses = makeUses();
  for (let n = 0; n < 150; n++) uses.note(uses.of(`key_${n}`), n);
  const first = uses.take(1_000);
  expect(first).toMatchObject({ hasMore: true });
  expect(first.taken).toEqual(Array.from({ length: 100 }, (_, n) => [`key_${n}`, n]));
  expect(uses.take(1_010)).toMatchObject({ hasMore: false, taken: { length: 50 } });
});
