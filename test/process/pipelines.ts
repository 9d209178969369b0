import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Ended, ended, type Machine } from './machine.ts';

/** What pipelines and cron run, each in the environment that it would get there and no other. */

export interface Done extends Ended {
  said: string;
}

type Variables = Readonly<Record<string, string>>;

const only = (value: object, known: readonly string[]): void => {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) throw new Error(`a pipeline says "${other}", which nothing here reads`);
};

/** What a step appended to the file of variables: lines of NAME=TEXT, and texts of several lines with their end named. */
const variablesIn = (text: string): Record<string, string> => {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, long, end] = /^(\w+)<<(.+)$/.exec(line) ?? [];
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (long !== undefined) {
      const at = lines.indexOf(end ?? '');
      if (at < 0) throw new Error(`"${long}" has no end`);
      found[long] = lines
        .splice(0, at + 1)
        .slice(0, -1)
        .join('\n');
    } else if (name !== undefined) found[name] = value ?? '';
    else if (line !== '') throw new Error(`this is no variable: ${line}`);
  }
  return found;
};

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  env?: Variables;
}

interface Job {
  'runs-on': string;
  container?: string;
  steps: readonly Step[];
  env?: Variables;
}

/** What others make, and leave as it is here: the folder already holds what is checked out. */
const uses = ['actions/checkout'];

/** In a folder, with what the settings of the project hold as secrets. */
export interface Runner {
  machine: Machine;
  folder: string;
  secrets: Variables;
}

const bash = ['bash', '--noprofile', '--norc', '-e'];

const run = async (
  { machine, folder }: Runner,
  said: string,
  [shell = '', ...flags]: readonly string[],
  script: string,
  env: Variables,
): Promise<Done> => {
  const path = join(machine.work, 'step.sh');
  writeFileSync(path, script);
  const options = { cwd: folder, env: { PATH: machine.env.PATH ?? '', HOME: machine.home, CI: 'true', ...env } };
  const child = spawn(shell, [...flags, path], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { said, ...(await ended(child)) };
};

const github = async (jobs: Readonly<Record<string, Job>>, runner: Runner): Promise<Done[]> => {
  const files = { GITHUB_ENV: join(runner.machine.work, 'env'), GITHUB_OUTPUT: join(runner.machine.work, 'output') };
  const given = (env: Variables = {}): Variables =>
    Object.fromEntries(
      Object.entries(env).map(([name, text]) => [
        name,
        String(text).replace(/\$\{\{ *(?:secrets\.)?([\w.]+) *\}\}/g, (expression, secret: string) => {
          const value = runner.secrets[secret];
          if (value === undefined) throw new Error(`nobody gives ${expression}`);
          return value;
        }),
      ]),
    );
  const done: Done[] = [];
  for (const job of Object.values(jobs)) {
    only(job, ['runs-on', 'container', 'env', 'steps']);
    for (const path of Object.values(files)) writeFileSync(path, '');
    for (const step of job.steps) {
      only(step, ['name', 'uses', 'run', 'env']);
      if (step.run === undefined) {
        if (!uses.includes(step.uses?.replace(/@.*/, '') ?? '')) throw new Error(`nobody makes ${step.uses}`);
        continue;
      }
      if (step.run.includes('${{')) throw new Error(`a text of others stands in a script: ${step.run}`);
      const set = variablesIn(readFileSync(files.GITHUB_ENV, 'utf8'));
      const env = { GITHUB_ACTIONS: 'true', ...files, ...given(job.env), ...set, ...given(step.env) };
      // In a container it is the shell that every container has.
      const shell = job.container === undefined ? bash : ['sh', '-e'];
      done.push(await run(runner, step.run, shell, step.run, env));
    }
    for (const path of Object.values(files)) rmSync(path);
  }
  return done;
};

interface GitlabJob {
  script: readonly string[];
  variables?: Variables;
}

/** Variables of the project reach every job; the script of a job is one shell. */
const gitlab = async (pipeline: Readonly<Record<string, unknown>>, runner: Runner): Promise<Done[]> => {
  const { variables = {}, ...jobs } = pipeline as { variables?: Variables } & Record<string, GitlabJob>;
  const done: Done[] = [];
  for (const job of Object.values(jobs) as GitlabJob[]) {
    only(job, ['image', 'rules', 'script', 'variables']);
    const env = { GITLAB_CI: 'true', ...variables, ...runner.secrets, ...job.variables };
    done.push(await run(runner, job.script.join('; '), [...bash, '-o', 'pipefail'], job.script.join('\n'), env));
  }
  return done;
};

export const runPipeline = async (text: string, runner: Runner): Promise<Done[]> => {
  const pipeline = parse(text);
  if (pipeline.jobs === undefined) return gitlab(pipeline, runner);
  only(pipeline, ['name', 'on', 'jobs']);
  return github(pipeline.jobs, runner);
};

/** Each line's command at once, whenever cron would. */
export const runCrontab = async (text: string, { home }: Machine): Promise<Done[]> => {
  const env: Record<string, string> = { PATH: '/usr/bin:/bin', HOME: home };
  const done: Done[] = [];
  for (const line of text.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
    const [, name, value] = /^(\w+) *= *(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      env[name] = value ?? '';
      continue;
    }
    const [, command] = /^(?:[\d*/,-]+\s+){5}(.+)$/.exec(line) ?? [];
    if (command === undefined) throw new Error(`cron can't read: ${line}`);
    if (/(?<!\\)%/.test(command)) throw new Error(`cron ends the line at its percent sign: ${line}`);
    const child = spawn('/bin/sh', ['-c', command.replaceAll('\\%', '%')], {
      cwd: home,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    done.push({ said: line, ...(await ended(child)) });
  }
  if (done.length === 0) throw new Error('a crontab without a line');
  return done;
};
