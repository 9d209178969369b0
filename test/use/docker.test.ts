import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { renderVariables } from '../../src/use/shells.ts';
import { throughDocker } from './docker.ts';
import { manyValues } from './hostile.ts';
import { readDocker } from './readers.ts';

const render = (variables: Record<string, string>): string => renderVariables('docker', variables, () => '');

const taken = (name: string, value: string): boolean => {
  try {
    return render({ [name]: value }) !== '';
  } catch {
    return false;
  }
};

/** The longest that docker's scanner takes, name and line end included. */
const longest = 'x'.repeat(65_536 - 'LONGEST=\n'.length);

const holdable = (): Record<string, string> => {
  const all = Object.entries({ ...manyValues(), LONGEST: longest });
  const some = all.filter(([name, value]) => taken(name, value));
  expect(some.length).toBeGreaterThan(100);
  return Object.fromEntries(some);
};

/** Debian has no package of the client alone: where it is absent, the strict reader stands for it, in CI too. */
const hasDocker = spawnSync('docker', ['--version']).status === 0;
if (!hasDocker) process.stderr.write('no docker client here: a reader written from its rules stands for it\n');

describe('docker', () => {
  test('each variable is exactly its value by the rules of its parser', () => {
    const variables = holdable();
    expect(readDocker(render(variables))).toEqual(variables);
  });

  test('only what it cannot hold is refused, by name', () => {
    const why = (value: string): string => {
      try {
        return render({ NAME: value });
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(why('a\nb')).toMatch(/^the value of "NAME" has more than one line/);
    expect(why('a\r')).toMatch(/^the value of "NAME" ends in a carriage return/);
    expect(why('"a"')).toMatch(/^the value of "NAME" is in quotes/);
    expect(why("''")).toMatch(/^the value of "NAME" is in quotes/);
    expect(why('é'.repeat(33_000))).toMatch(/^the value of "NAME" is too long/);
    expect(taken('LONGEST', longest)).toBe(true);
    expect(taken('LONGEST', `${longest}x`)).toBe(false);
    for (const value of ['', '"', "'a", '"a\'', ' a ', '#a', 'a\rb', '=', '\ufeff']) {
      expect(why(value)).toBe(`NAME=${value}\n`);
    }
  });

  test('each variable is exactly its value in what the client asks for', async () => {
    const through = hasDocker ? throughDocker : async (text: string) => readDocker(text);
    const variables = holdable();
    expect(await through(render(variables))).toEqual(variables);
    await expect(async () => through(`LONGEST=x${longest}\n`)).rejects.toThrow('too long');
  });
});
