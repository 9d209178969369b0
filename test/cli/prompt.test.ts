import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Prompt } from '../../src/cli/command.ts';
import { createPrompt } from '../../src/cli/prompt.ts';
import { fakeIo } from './fake-io.ts';

const terminal = () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const { io, stdout } = fakeIo({ prompts: { input, output } });
  const drawn: string[] = [];
  output.on('data', (chunk: Buffer) => drawn.push(chunk.toString()));
  const prompt = createPrompt(io, { input: true }, 'mobius x --help');
  /** Types once the question stands there. */
  const answer = async <T>(asked: Promise<T>, keys: string): Promise<T> => {
    output.once('data', () => setTimeout(() => input.write(keys), 20));
    return asked;
  };
  return { prompt, input, answer, drawn: () => drawn.join(''), stdout };
};

describe('a person', () => {
  const choices = [
    { value: 'a', name: 'A' },
    { value: 'b', name: 'B' },
  ];
  test.each<[string, unknown, (prompt: Prompt) => Promise<unknown>]>([
    ['y\n', true, (prompt) => prompt.confirm('really?', false)],
    ['\n', false, (prompt) => prompt.confirm('really?', false)],
    ['\n', 'ci', (prompt) => prompt.text('really?', { fallback: 'ci' })],
    ['x\n', 'x', (prompt) => prompt.text('really?')],
    ['\n', 'a', (prompt) => prompt.select('really?', choices)],
  ])('is asked on the terminal, never on stdout: %j is %j', async (keys, expected, ask) => {
    const { prompt, answer, drawn, stdout } = terminal();
    expect(prompt.possible).toBe(true);
    expect(await answer(ask(prompt), keys)).toBe(expected);
    expect(drawn()).toContain('really?');
    expect(stdout()).toBe('');
  });

  test('types a secret unseen', async () => {
    const { prompt, answer, drawn } = terminal();
    expect(await answer(prompt.hidden('passphrase:'), 'hunter2\n')).toBe('hunter2');
    expect(drawn()).not.toMatch(/hunter2/);
  });

  test.each([
    ['one\r', 'one'],
    ['\u001b[200~one\u001b[201~\r', 'one'],
    ['\u001b[200~one\r\u001b[201~', 'one'],
    ['\u001b[200~one\rtwo\r\u001b[201~', 'one\ntwo\n'],
    ['x\u001b[200~one\rtwo\u001b[201~', 'xone\ntwo'],
  ])('pastes %j', async (keys, expected) => {
    const { prompt, answer, drawn } = terminal();
    expect(await answer(prompt.hidden('value:', { lines: true }), keys)).toBe(expected);
    expect(drawn()).not.toMatch(/one|two/);
    expect(drawn()).toContain('\u001b[?2004h');
  });

  test('pastes in several pieces, and nothing is left for the shell', async () => {
    const { prompt, input, answer } = terminal();
    const asked = prompt.hidden('value:', { lines: true });
    setTimeout(() => input.write('two\rthree'), 60);
    setTimeout(() => input.write('\u001b[201~'), 90);
    expect(await answer(asked, '\u001b[200~one\r')).toBe('one\ntwo\nthree');
  });

  test('is told when several lines were pasted for one', async () => {
    const { prompt, answer } = terminal();
    const asked = answer(prompt.hidden('passphrase:'), '\u001b[200~one\rtwo\r\u001b[201~');
    await expect(asked).rejects.toThrow('several lines were pasted where "passphrase:" asks for one');
  });

  test('is not shown what a terminal would obey', async () => {
    const { prompt, answer, drawn } = terminal();
    await answer(prompt.confirm('delete "\x1b]0;x\x07"?', false), '\n');
    expect(drawn()).toContain('delete "\\u001b]0;x\\u0007"?');
  });
});

describe('nobody', () => {
  const prompts = { input: new PassThrough(), output: new PassThrough() };
  test.each([
    [fakeIo().io, true, 'there is no terminal, so nobody can be asked "name?"'],
    [fakeIo({ prompts }).io, false, '--no-input was given, so nobody can be asked "name?"'],
  ])('can be asked (%#)', async (io, input, message) => {
    const prompt = createPrompt(io, { input }, 'mobius x --help');
    expect(prompt.possible).toBe(false);
    const hint = 'give it as a flag: mobius x --help';
    await expect(prompt.text('name?')).rejects.toMatchObject({ code: 'usage', message, hint });
  });
});
