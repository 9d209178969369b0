import type { Globals } from '../cli/command.ts';
import { generatedAll } from '../cli/secret-values.ts';
import { MobiusError } from '../errors.ts';
import { formats } from '../formats.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import { deliveriesPath, type Entry, isAbout, readDeliveries, wayOf } from './deliveries.ts';
import { rotate } from './drive.ts';
import { conditionsOf, projectsOf, type Task, tasksIn } from './due.ts';
import { waitOf } from './flags.ts';
import { keyPlan } from './keys.ts';
import { failureFields } from './log.ts';
import type { Going, Log, Plan } from './plan.ts';
import { secretPlan } from './secrets.ts';
import { isSameTarget } from './target.ts';

/** What became of one thing. */
export interface Result {
  project: string;
  subject: string;
  outcome: 'rotated' | 'not_due' | 'held' | 'skipped' | 'failed' | 'would_rotate' | 'would_resume';
  rotation_id?: string;
  reason?: string;
}

export interface Running {
  io: Io;
  globals: Globals;
  call: Call;
  log: Log;
  /** What this machine delivers for, as `targetOf` spells it. */
  target: string;
  /** Only these; all where there are none. */
  subjects: readonly string[];
  dryRun: boolean;
}

const isNamed = ({ subjects }: Running, { subject, policy, rotation }: Task): boolean => {
  const kind = subject.slice(0, subject.indexOf('/'));
  const ids = [policy?.subject_id, rotation?.subject_id].map((id) => `${kind}/${id}`);
  return subjects.some((one) => one === subject || ids.includes(one));
};

const unscheduled = (subject: string): MobiusError =>
  new MobiusError(
    'not_found',
    `"${subject}" has no schedule`,
    { subject },
    `give it one: mobius rotations set ${subject} --every 30d`,
  );

/** What was named is looked for before anything is done: a line with a mistake in it does nothing. */
const chosen = (running: Running, tasks: readonly Task[], entries: readonly Entry[]): readonly Task[] => {
  const { subjects, target } = running;
  if (subjects.length === 0) {
    return tasks.filter(
      (task) => task.policy?.due === true || entries.some((one) => isAbout(one, { ...task, target })),
    );
  }
  for (const subject of subjects) {
    if (formats['rotation-subject']?.(subject) !== undefined) {
      throw new MobiusError('usage', `"${subject}" must be api-keys/NAME or secrets/NAME`);
    }
    if (!tasks.some((task) => isNamed({ ...running, subjects: [subject] }, task))) throw unscheduled(subject);
  }
  return tasks.filter((task) => isNamed(running, task));
};

const timeoutSeconds = 600;

export const planOf = async (going: Going, globals: Globals, task: Task, entry: Entry): Promise<Plan> => {
  const { subject } = task;
  const { deliver, verify, generate = [], exec, wait_for_use: wait } = entry;
  const start = { subject, ...conditionsOf(task) };
  const ways = deliver.map((way) => wayOf(way, '"deliver"'));
  const commands = ways.flatMap((way) => (way.kind === 'exec' ? [way.line] : []));
  const checked = { timeoutSeconds, ...(verify === undefined ? {} : { verify }) };
  if (subject.startsWith('secrets/')) {
    const [apply] = commands;
    const makeAll = () => generatedAll(generate);
    // What it can't make is told before anything is begun.
    await makeAll();
    return secretPlan(going, subject.slice('secrets/'.length), start, {
      ...checked,
      generate: makeAll,
      variables: {},
      ...(exec === undefined ? {} : { exec }),
      ...(apply === undefined ? {} : { apply }),
    });
  }
  return keyPlan(going, globals, start, {
    ...checked,
    files: ways.flatMap((way) => (way.kind === 'file' ? [way.path] : [])),
    filesBy: '"deliver"',
    commands,
    ...(wait === undefined ? {} : { useWithinSeconds: waitOf(wait, '"wait_for_use"') }),
  });
};

const heldBy = (error: unknown): { holder: string; since: string } | undefined => {
  if (!(error instanceof MobiusError) || error.details.reason !== 'rotation_held') return undefined;
  const { holder, since } = error.details;
  return { holder: String(holder), since: String(since) };
};

const perform = async (running: Running, task: Task, entry: Entry | undefined): Promise<Result> => {
  const { io, globals, call, dryRun } = running;
  const about = { project: task.project, subject: task.subject };
  const log: Log = (event, fields = {}) => running.log(event, { ...about, ...fields });
  const result = (outcome: Result['outcome'], more: Pick<Result, 'rotation_id' | 'reason'> = {}): Result => ({
    ...about,
    outcome,
    ...more,
  });
  if (task.policy?.due === false && task.rotation === undefined) {
    const reason = `it is due at ${task.policy.due_at}`;
    log('not_due', { reason });
    return result('not_due', { reason });
  }
  if (entry === undefined) {
    const reason = `"${deliveriesPath(io)}" doesn't say how to deliver it`;
    log('skipped', { reason });
    return result('skipped', { reason });
  }
  if (dryRun) {
    const outcome = task.rotation === undefined ? 'would_rotate' : 'would_resume';
    log(outcome);
    return result(outcome, task.rotation === undefined ? {} : { rotation_id: task.rotation.id });
  }
  const going: Going = { io, call, project: task.project, log };
  try {
    const outcome = await rotate(going, await planOf(going, globals, task, entry));
    if (outcome.rotated) return result('rotated', { rotation_id: outcome.rotation.id });
    log('not_due', { reason: outcome.reason });
    return result('not_due', { reason: outcome.reason });
  } catch (error) {
    const held = heldBy(error);
    if (held !== undefined) {
      log('held', held);
      return result('held', { reason: `${held.holder} is at it since ${held.since}` });
    }
    const fields = failureFields(error);
    log('failed', fields);
    return result('failed', { reason: String(fields.message) });
  }
};

const nobodyDelivers = ({ io, target }: Running): MobiusError =>
  new MobiusError(
    'not_initialised',
    `"${deliveriesPath(io)}" says of nothing on "${target}" how to deliver it`,
    {},
    'say it: mobius rotations set api-keys/NAME --every 30d --deliver file:PATH',
  );

/**
 * Rotates what is due, one after another; one that fails stops no other. What this machine doesn't know how to deliver is
 * skipped: another one may.
 */
export const runDue = async (running: Running, projects: readonly string[] | 'all'): Promise<readonly Result[]> => {
  const { io, call, target, subjects } = running;
  const entries = readDeliveries(io).filter((entry) => isSameTarget(entry.target, target));
  const tasks: Task[] = [];
  for (const project of projects === 'all' ? await projectsOf(call) : projects) {
    tasks.push(...(await tasksIn(call, project, subjects.length > 0)));
  }
  const mine = chosen(running, tasks, entries);
  // One that never delivers anything was set up wrong; one that delivers other things was not.
  if (entries.length === 0 && mine.some(({ policy }) => policy?.due === true)) throw nobodyDelivers(running);
  const leftFirst = [...mine].sort((a, b) => Number(b.rotation !== undefined) - Number(a.rotation !== undefined));
  const results: Result[] = [];
  for (const task of leftFirst) {
    const entry = entries.find((one) => isAbout(one, { ...task, target }));
    results.push(await perform(running, task, entry));
  }
  return results;
};
