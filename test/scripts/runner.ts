import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Place } from '../places.ts';
import { splitLine } from './line.ts';
import { type Captured, linesOf, matchStream } from './match.ts';
import { type CommandStep, type Script, ScriptError, type Step } from './script.ts';
import { createWorld, type Ran, type Run, type World } from './world.ts';

/**
 * Script tests: what a person types, and what comes out. One file is one script; it runs from top to bottom in a home,
 * a working folder and a vault of its own, in every place of test/places.ts.
 *
 *     # a comment
 *     only local: the reason          runs in these places only (above the first step)
 *     bare                            finds no vault made (above the first step)
 *
 *     $ mobius roles list             a command, output piped; words, quotes, backslashes and $variables as in a shell
 *     $tty mobius roles list          the same on a terminal of 80 columns, without colours; $color: with them
 *     $ A=b mobius x <<< 'text'       a variable for one command; stdin from a text, or from a file with < NAME
 *     env NAME=value                  a variable from here on; unset NAME
 *     clock +2h                       the clock stands still but for this (ms, s, m, h, d)
 *     cat NAME                        shows a file as a command's output, for what follows to be checked
 *     mode NAME 0600                  the mode that a file must have
 *     file NAME                       writes a file of the lines that follow, each after two spaces, to the next empty line
 *
 * A line that ends in ` \` goes on in the next. Below a command, up to an empty line or the next command, stands all
 * that it says:
 *
 *     name  kind                      a line of stdout; without any, stdout must be empty
 *     ! mobius: error: …              a line of stderr; without any, stderr must be empty
 *     = 2                             the exit code; 0 where it isn't said
 *     json {"id": "[[id:key_.*]]"}    a part of the one JSON text on stdout, over as many lines as it takes: an object
 *                                     may hold more, a list not, unless it ends in "..."; "[[absent]]" must not be there
 *     ! json {…}                      the same on stderr
 *     ...                             any number of lines
 *     \text                           the text, whatever it would mean otherwise; \ alone is an empty line
 *
 * In lines and in the strings of JSON `[[name:regex]]` matches and captures, `[[:regex]]` only matches, `[[name]]` is
 * what was captured before. `$name` in a command is that too. `home` and `cwd` are captured from the start.
 *
 * With UPDATE_SCRIPTS=1 what a failing command says is written into the file, unless patterns or JSON stand there.
 */
export const runScript = async (script: Script, place: Place, run: Run, update = false): Promise<void> => {
  const world = createWorld();
  try {
    const ready = script.bare ? undefined : await place.open(world, run);
    Object.assign(world.env, ready?.env);
    try {
      const state: State = { script, place, world, run, captured: { home: world.home, cwd: world.cwd } };
      const changes: Change[] = [];
      for (const step of script.steps) {
        const change = await take(step, state, update);
        if (change !== undefined) changes.push(change);
      }
      if (changes.length > 0) writeFileSync(script.path, rewritten(script, changes));
    } finally {
      await ready?.close();
    }
  } finally {
    world.remove();
  }
};

interface State {
  script: Script;
  place: Place;
  world: World;
  run: Run;
  captured: Captured;
}

interface Change {
  from: number;
  to: number;
  lines: readonly string[];
}

const take = async (step: Step, state: State, update: boolean): Promise<Change | undefined> => {
  const { world } = state;
  try {
    switch (step.kind) {
      case 'command':
        return judge(step, await command(step, state), state, update);
      case 'cat':
        return judge(
          step,
          { stdout: readFileSync(pathOf(step.text, state), 'utf8'), stderr: '', code: 0 },
          state,
          update,
        );
      case 'env':
        world.env[step.name] = oneWord(step.text, state);
        return undefined;
      case 'unset':
        delete world.env[step.name];
        return undefined;
      case 'clock':
        await world.tick(step.ms);
        return undefined;
      case 'file':
        writeFileSync(resolve(world.cwd, step.name), step.content);
        return undefined;
      case 'mode': {
        const mode = (statSync(pathOf(step.text, state)).mode & 0o777).toString(8).padStart(3, '0');
        if (mode !== step.mode) throw new ScriptError(`the mode of "${step.text}" is 0${mode}, not 0${step.mode}`);
        return undefined;
      }
    }
  } catch (error) {
    const said = error instanceof ScriptError ? error.message : error instanceof Error ? error.stack : String(error);
    throw new ScriptError(`${state.script.path}:${step.line} (${state.place.kind})\n${shown(step)}${said}`);
  }
};

const shown = (step: Step): string => (step.kind === 'command' ? `  $ ${step.text}\n` : '');

const lookUp =
  ({ captured, world }: State) =>
  (name: string): string | undefined =>
    captured[name] ?? world.env[name];

const oneWord = (text: string, state: State): string => {
  const { words, env, stdin } = splitLine(text, lookUp(state));
  if (words.length > 1 || Object.keys(env).length > 0 || stdin !== undefined)
    throw new ScriptError('expected one word');
  return words[0] ?? '';
};

const pathOf = (text: string, state: State): string => resolve(state.world.cwd, oneWord(text, state));

/** Longer than any command takes, shorter than the test may. */
const limitMs = 20_000;

const command = async (step: Extract<Step, { kind: 'command' }>, state: State): Promise<Ran> => {
  const { world, run } = state;
  const { words, env, stdin } = splitLine(step.text, lookUp(state));
  const [program, ...argv] = words;
  if (program !== 'mobius') throw new ScriptError(`only mobius is run here, not "${program ?? ''}"`);
  const colors = step.terminal && !step.color ? { NO_COLOR: '1' } : {};
  const bytes = stdin !== undefined && 'file' in stdin ? readFileSync(resolve(world.cwd, stdin.file)) : stdin?.text;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new ScriptError(`did not end within ${limitMs / 1000} s`)), limitMs);
  });
  try {
    const ran = world.run(run, {
      argv,
      env: { ...world.env, ...colors, ...env },
      stdin: Buffer.from(bytes ?? ''),
      terminal: step.terminal,
    });
    return await Promise.race([ran, late]);
  } finally {
    clearTimeout(timer);
  }
};

const judge = (step: CommandStep, ran: Ran, state: State, update: boolean): Change | undefined => {
  const { expected } = step;
  const problems: string[] = [];
  let { captured } = state;
  for (const name of ['stdout', 'stderr'] as const) {
    const found = matchStream(expected[name], ran[name], captured);
    if ('problem' in found) problems.push(`${name} is another (- expected, + came):\n${found.problem}`);
    else captured = found.captured;
  }
  if (ran.code !== expected.code) problems.push(`the exit code is ${ran.code}, not ${expected.code}`);
  state.captured = captured;
  if (problems.length === 0) return undefined;
  if (update && !usesPatterns(step)) return { from: expected.from, to: expected.to, lines: asExpected(ran, captured) };
  if (ran.stderr !== '' && !problems.some((problem) => problem.startsWith('stderr'))) {
    problems.push(`stderr was:\n${ran.stderr}`);
  }
  throw new ScriptError(problems.join('\n'));
};

const usesPatterns = ({ expected: { stdout, stderr } }: CommandStep): boolean =>
  [stdout, stderr].some(
    (stream) => 'json' in stream || stream.lines.some((line) => line === '...' || line.includes('[[')),
  );

/** What came, as the lines of a script say it; what was captured before is named, so that it stays true. */
const asExpected = (ran: Ran, captured: Captured): string[] => {
  const longestFirst = Object.entries(captured).sort(([, a], [, b]) => b.length - a.length);
  const named = (line: string): string =>
    longestFirst.reduce((so, [name, value]) => (value === '' ? so : so.replaceAll(value, `[[${name}]]`)), line);
  const meant = (line: string): string =>
    line === '' || /^(\\|! |!$|= \d+$|# |\$\w* |json |\.\.\.$)/.test(line) ? `\\${line}` : line;
  return [
    ...linesOf(ran.stdout).map((line) => meant(named(line))),
    ...linesOf(ran.stderr).map((line) => `! ${named(line).replace(/^(?=\\|\.\.\.$|json )/, '\\')}`.trimEnd()),
    ...(ran.code === 0 ? [] : [`= ${ran.code}`]),
  ];
};

const rewritten = ({ lines }: Script, changes: readonly Change[]): string => {
  const result = [...lines];
  for (const { from, to, lines: instead } of [...changes].reverse()) result.splice(from, to - from, ...instead);
  return result.join('\n');
};
