import { totalmem } from 'node:os';
import type { Argon2Cost, Sodium } from '../crypto.ts';
import { randomBytes } from '../crypto.ts';

const mebibyte = 2 ** 20;
/** libsodium's moderate setting is the least for a machine that can bear it, its interactive one for a small one. */
const moderate: Argon2Cost = { operations: 3, memoryBytes: 256 * mebibyte };
const interactive: Argon2Cost = { operations: 2, memoryBytes: 64 * mebibyte };
const smallMachine = 1024 * mebibyte;
const aimMs = 500;

const utf8 = new TextEncoder();

/** The same text however it was typed or composed. */
export const passphraseBytes = (passphrase: string): Uint8Array => utf8.encode(passphrase.normalize('NFC'));

/** A cost that takes about half a second here, and never less than libsodium's own advice for this much memory. */
export const calibrate = async (sodium: Sodium): Promise<Argon2Cost> => {
  const least = totalmem() < smallMachine ? interactive : moderate;
  const began = performance.now();
  await sodium.argon2id(utf8.encode('calibration'), randomBytes(16), least);
  const perPass = (performance.now() - began) / least.operations;
  return { ...least, operations: Math.max(least.operations, Math.min(20, Math.floor(aimMs / perPass))) };
};

const classes: readonly [RegExp, number][] = [
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[0-9]/, 10],
  [/[^a-zA-Z0-9]/, 33],
];

/** Runs that a guesser tries as one: `aaaa`, `1234`, `dcba`. */
const predictable = (text: string): number => {
  let count = 0;
  for (let at = 2; at < text.length; at++) {
    const step = text.charCodeAt(at) - text.charCodeAt(at - 1);
    if (Math.abs(step) <= 1 && step === text.charCodeAt(at - 1) - text.charCodeAt(at - 2)) count += 1;
  }
  return count;
};

/**
 * What to tell whoever chose it, or nothing. An upper bound on the guesses it takes, from its length and alphabet: it
 * finds what is certainly weak and knows no words, so its silence is no praise.
 */
export const weakness = (passphrase: string): string | undefined => {
  const alphabet = classes.reduce((sum, [has, size]) => sum + (has.test(passphrase) ? size : 0), 0);
  const length = passphrase.length - predictable(passphrase);
  const distinct = new Set(passphrase).size;
  const bits = Math.min(length, distinct * 2) * Math.log2(Math.max(2, alphabet));
  if (bits >= 70) return undefined;
  return 'this passphrase can be guessed by whoever has a copy of the vault; take four or more random words';
};
