import { expect, test } from 'vitest';
import { repeated, spelled } from '../src/spelled.ts';

test('what is given again and again is spelled once, and nobody changes it', () => {
  const answer = repeated({ name: 'é', parts: ['a', 'b'] });
  expect(spelled(answer)).toEqual({ text: '{"name":"é","parts":["a","b"]}', length: 31 });
  expect(spelled(answer)).toBe(spelled(answer));
  expect(() => Object.assign(answer, { name: 'other' })).toThrow(TypeError);
  expect(() => answer.parts.push('c')).toThrow(TypeError);
});

test('what is made of it is spelled anew', () => {
  const answer = repeated({ name: 'a' });
  spelled(answer);
  expect(spelled({ ...answer, remaining: 1 }).text).toBe('{"name":"a","remaining":1}');
  expect(answer).toEqual({ name: 'a' });
});
