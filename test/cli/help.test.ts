import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { globalFlags } from '../../src/cli/globals.ts';
import { product } from '../../src/cli/product.ts';
import { run } from '../../src/cli/run.ts';
import { fakeIo } from './fake-io.ts';

const helpOf = async (argv: readonly string[]): Promise<string> => {
  const { io, stdout, stderr } = fakeIo({ argv });
  expect({ code: await run(io), stderr: stderr() }).toEqual({ code: 0, stderr: '' });
  return stdout();
};

const pages = Object.entries(product.commands).flatMap(([noun, verbs]) =>
  Object.entries(verbs).flatMap(([verb, { hidden }]) => (hidden === true ? [] : [verb === '' ? [noun] : [noun, verb]])),
);
const groups = Object.keys(product.commands).filter((noun) => product.commands[noun]?.[''] === undefined);

describe.each(pages.map((words) => ({ words, line: words.join(' ') })))('mobius $line --help', ({ words, line }) => {
  test('is the same however it is asked for', async () => {
    const page = await helpOf([...words, '--help']);
    expect(await helpOf(['help', ...words])).toBe(page);
    expect(await helpOf(['-h', ...words])).toBe(page);
    // After the first word of a program's line the flags are the program's.
    if (line !== 'run') expect(await helpOf([...words, 'x', '--nope', '-h'])).toBe(page);
  });

  test('says what it is, how it is used, two examples, and where the rest is', async () => {
    const page = await helpOf([...words, '--help']);
    expect(page).toMatch(new RegExp(`^mobius ${line}: [a-z]`));
    expect(page).toContain(`\nusage: mobius ${line}`);
    const [, examples = ''] = page.split('\nexamples:\n');
    expect(examples.split('\n').filter((row) => /^ {2}\S/.test(row)).length).toBeGreaterThanOrEqual(2);
    expect(page).toMatch(/\nglobal flags, such as .*: mobius --help\n$/);
  });

  test('fits into 80 columns', async () => {
    const page = await helpOf([...words, '--help']);
    expect(page.split('\n').filter((row) => stringWidth(row) > 80)).toEqual([]);
  });
});

test.each(groups)('mobius %s', async (noun) => {
  const page = await helpOf([noun]);
  expect(await helpOf(['help', noun])).toBe(page);
  for (const [verb, { hidden }] of Object.entries(product.commands[noun] ?? {})) {
    expect(new RegExp(`\n {2}${verb} `).test(page)).toBe(hidden !== true);
  }
  expect(page.split('\n').filter((row) => stringWidth(row) > 80)).toEqual([]);
});

test('mobius', async () => {
  const page = await helpOf([]);
  expect(await helpOf(['--help'])).toBe(page);
  expect(await helpOf(['help'])).toBe(page);
  for (const noun of Object.keys(product.commands)) expect(page).toMatch(new RegExp(`\n {2}${noun} `));
  for (const alias of Object.keys(product.aliases)) expect(page).toMatch(new RegExp(`\n {2}${alias} `));
  for (const { name, variable } of globalFlags) {
    expect(page).toContain(`--${name} `);
    if (variable !== undefined) expect(page).toContain(`[${variable}]`);
  }
  expect(page).toContain('exit codes: 0 done, 1 failed');
  expect(page.split('\n').filter((row) => stringWidth(row) > 80)).toEqual([]);
});

test('flags of a command', async () => {
  const page = await helpOf(['principals', 'update', '-h']);
  expect(page).toContain('usage: mobius principals update <principal> [flags]');
  expect(page).toContain('--state STATE'.replace('STATE', 'TEXT'));
  expect(page).toMatch(/--role-ids, --role ROLE +\S/);
  expect(page).toContain('active, disabled');
});
