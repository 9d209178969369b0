import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { carries, catalogue, holds, isKnown, presets } from '../../src/core/catalogue.ts';
import { permission as grammar } from '../../src/formats.ts';

/** Few words, so that one permission often stands below, beside or above another. */
const word = fc.constantFrom('mobius', 'keys', 'keysx', 'key', 'issue', 'actions', 'execute', 'a', 'a-b', '0');
const plain = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('.'));
const permission = fc.tuple(plain, fc.boolean()).map(([text, wild]) => (wild ? `${text}.*` : text));

/** The same relation said as sets: a wildcard is everything below it, but not the thing of its own name. */
const below = (wildcard: string, one: string): boolean => {
  const space = wildcard.split('.').slice(0, -1);
  const words = one.split('.');
  return words.length > space.length && space.every((part, i) => part === words[i]);
};

describe('carries', () => {
  test('is what its description says, and never a sibling', () => {
    fc.assert(
      fc.property(permission, permission, (held, wanted) => {
        expect(carries(held, wanted)).toBe(held === wanted || (held.endsWith('.*') && below(held, wanted)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is reflexive, transitive, and antisymmetric', () => {
    const chain = fc.tuple(permission, permission, permission);
    fc.assert(
      fc.property(chain, ([a, b, c]) => {
        expect(carries(a, a)).toBe(true);
        if (carries(a, b) && carries(b, c)) expect(carries(a, c)).toBe(true);
        if (carries(a, b) && carries(b, a)) expect(a).toBe(b);
      }),
      { numRuns: 5_000 },
    );
  });

  test('a name that only begins alike is another', () => {
    const pairs = [
      ['mobius.keys.*', 'mobius.keysx'],
      ['mobius.keys.*', 'mobius.keysx.issue'],
      ['mobius.keys.*', 'mobius.keys'],
      ['mobius.keys.issue', 'mobius.keys.issue.more'],
      ['mobius.keys.issue', 'mobius.keys.*'],
      ['mobius.*', 'mobiusx.keys.issue'],
      ['mobius.*', 'mobius'],
      ['actions.execute.*', 'actions.executed.x'],
      ['mobius.project.view', 'mobius.project.vie'],
    ];
    for (const [held = '', wanted = ''] of pairs)
      expect([held, wanted, carries(held, wanted)]).toEqual([held, wanted, false]);
  });

  test('who may grant a wildcard holds whatever it comes to cover', () => {
    fc.assert(
      fc.property(fc.array(permission, { maxLength: 5 }), permission, permission, (held, granted, later) => {
        if (holds(held, granted) && carries(granted, later)) expect(holds(held, later)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('isKnown', () => {
  test('whatever is known and well-formed could allow something: an item, an action, or a space of them', () => {
    fc.assert(
      fc.property(permission, (one) => {
        const space = one.endsWith('.*');
        const known = isKnown(one);
        const covers = catalogue.some(({ id }) => carries(one, id)) || carries('actions.execute.*', one);
        expect([one, known]).toEqual([one, covers]);
        if (known && !space)
          expect(one.startsWith('actions.execute.') || catalogue.some(({ id }) => id === one)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('every item and every permission of a preset is known and well-formed', () => {
    for (const one of [...catalogue.map(({ id }) => id), ...presets.flatMap(({ permissions }) => permissions)]) {
      expect([one, isKnown(one), grammar(one)]).toEqual([one, true, undefined]);
    }
  });

  test.each(['', '*', '.*', 'actions.*', 'actions.execute', 'mobius', 'mobius.project', 'constructor', '__proto__.*'])(
    '"%s" is not',
    (one) => expect(isKnown(one)).toBe(false),
  );
});

test('a preset that stands above another carries all of it', () => {
  const of = (id: string): readonly string[] => presets.find((preset) => preset.id === id)?.permissions ?? [];
  const order = ['owner', 'admin', 'operator', 'worker', 'viewer'];
  for (const [i, id] of order.slice(1).entries()) {
    for (const permission of of(id))
      expect([id, permission, holds(of(order[i] ?? ''), permission)]).toEqual([id, permission, true]);
  }
});
