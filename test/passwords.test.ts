import { expect, test } from 'vitest';
import { makePasswords } from '../src/passwords.ts';

const password = 'a-fake-password';

test.each(['native', 'wasm'])('a password fits its hash and no other, by the %s binding', async (sodium) => {
  const passwords = makePasswords(sodium);
  const known = await passwords.hash(password);
  expect(known).toMatchObject({ operations: 3, memory_bytes: 64 * 2 ** 20 });
  expect(await passwords.matches(password, known)).toBe(true);
  expect(await passwords.matches(`${password} `, known)).toBe(false);
  expect(await passwords.matches(password, undefined)).toBe(false);
  expect((await passwords.hash(password)).hash).not.toBe(known.hash);
});

test('what one binding made the other takes', async () => {
  const known = await makePasswords('native').hash('pässwörd with ﬁ');
  expect(await makePasswords('wasm').matches('pa\u0308sswo\u0308rd with fi', known)).toBe(true);
});

test('each source has its turn, and one that asks for too much is refused by itself', async () => {
  const passwords = makePasswords();
  const ended: string[] = [];
  const ask = (source: string) => passwords.matches(password, undefined, source).then(() => ended.push(source));
  const many = await Promise.allSettled([...Array.from({ length: 12 }, () => ask('flood')), ask('honest')]);
  expect(ended.indexOf('honest')).toBeLessThanOrEqual(2);
  const refused = many.filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(5);
});

test('the event loop goes on meanwhile', async () => {
  const passwords = makePasswords();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await passwords.hash(password);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
});
