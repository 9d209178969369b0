import { reasonOf } from '../cli/files.ts';
import { MobiusError } from '../errors.ts';
import { idShape } from '../formats.ts';
import type { Rotation } from '../generated/types.ts';
import type { Output } from '../operations.ts';
import { holderOf, isGone } from './holder.ts';
import { type Delivery, type Going, type Handed, type Plan, type Successor, Undelivered } from './plan.ts';

export type Outcome = { rotated: false; reason: string } | { rotated: true; rotation: Rotation; successor: Successor };

type Started = Output<'rotations.start'>;

const wrong = (what: string): MobiusError =>
  new MobiusError('service_unavailable', `the server answered with ${what}`, {}, 'is it a server of mobius?');

/** Takes the lock of the subject, also from a process of this machine that was ended. */
const begin = async ({ io, call, project }: Going, plan: Plan): Promise<Started> => {
  const input = { ...plan.start, project, holder: holderOf(io) };
  try {
    return await call('rotations.start', input);
  } catch (error) {
    if (!(error instanceof MobiusError) || error.details.reason !== 'rotation_held') throw error;
    if (!isGone(io, String(error.details.holder))) throw error;
    return call('rotations.start', { ...input, take_over: true });
  }
};

/** Files are named for it: one of another shape could lead anywhere. */
const requireId = ({ id }: Rotation): void => {
  if (typeof id !== 'string' || !idShape.test(id)) throw wrong('a rotation whose id is none');
};

/** It stands in one line of a file, and in a variable. */
const requireKey = (key: string | undefined): void => {
  if (key !== undefined && !/^[\x21-\x7e]{1,512}$/.test(key)) throw wrong('a new key that is none');
};

/** Well below the time after which others think that nobody is at it. */
const saysSoEveryMs = 20_000;

/** A rotation that this process is at. */
interface Held {
  rotation: Rotation;
  lock: string;
  /** It was left to whoever comes next, or ended. */
  isLeft?: true;
}

const follow = (held: Held, rotation: Rotation): void => {
  if (rotation.id !== held.rotation.id) throw wrong('another rotation than the one that was asked for');
  held.rotation = rotation;
};

/** Says every now and then that somebody is at it, until the returned function is called. */
const stayAt = ({ call, project }: Going, { rotation, lock }: Held): (() => void) => {
  const say = (): void => {
    // Where it fails the next step fails too, and says why.
    call('rotations.advance', { project, rotation: rotation.id, lock }).catch(() => undefined);
  };
  const timer = setInterval(say, saysSoEveryMs);
  return () => clearInterval(timer);
};

const advance = async (
  { call, project, log }: Going,
  held: Held,
  step: 'delivering' | 'delivered' | 'verified',
): Promise<void> => {
  follow(held, await call('rotations.advance', { project, rotation: held.rotation.id, lock: held.lock, step }));
  log(step, { rotation_id: held.rotation.id });
};

interface Made {
  successor: Successor;
  handed: Handed;
}

const issue = async (going: Going, plan: Plan, held: Held): Promise<Made> => {
  const { call, project, log } = going;
  const made = await call('rotations.issue', {
    project,
    rotation: held.rotation.id,
    lock: held.lock,
    ...(await plan.values?.()),
  });
  follow(held, made.rotation);
  requireKey(made.key);
  const { id: rotationId, successor_id: keyId, version } = made.rotation;
  log('issued', {
    rotation_id: rotationId,
    ...(keyId === undefined ? {} : { key_id: keyId }),
    ...(version === undefined ? {} : { version }),
  });
  const successor: Successor = {
    rotationId,
    ...(made.key === undefined ? {} : { key: made.key }),
    ...(keyId === undefined ? {} : { keyId }),
    ...(version === undefined ? {} : { version }),
    ...(made.api_key === undefined ? {} : { apiKey: made.api_key }),
  };
  return { successor, handed: await plan.handed(successor) };
};

/**
 * The successor of a run that was ended, where it is still to be had: a key only where a place holds it, a version always,
 * for the vault itself does.
 */
const leftBehind = async (plan: Plan, { rotation }: Held): Promise<Made | undefined> => {
  const { id: rotationId, successor_id: keyId, sha256, version } = rotation;
  if (version !== undefined) {
    const successor = { rotationId, version };
    return { successor, handed: await plan.handed(successor) };
  }
  if (sha256 === undefined || keyId === undefined) return undefined;
  for (const { found } of plan.deliveries) {
    const key = found?.(sha256);
    if (key === undefined) continue;
    const successor = { rotationId, keyId, key };
    return { successor, handed: await plan.handed(successor) };
  }
  return undefined;
};

interface Failure {
  /** In words: what could not be done, and why. */
  lost: string;
  step: 'deliver' | 'verify';
  /** Nobody has the successor, once what was delivered is put back. */
  isWithdrawn: boolean;
  delivered: readonly Delivery[];
}

const nameOf = ({ rotation }: Held): string => `"${rotation.subject}"`;

const putAllBack = ({ log }: Going, delivered: readonly Delivery[], rotationId: string): boolean => {
  let all = true;
  for (const { about, putBack } of [...delivered].reverse()) {
    try {
      if (putBack === undefined) all = false;
      else putBack(rotationId);
    } catch (error) {
      log('not_put_back', { delivery: about, reason: reasonOf(error) });
      all = false;
    }
  }
  return all;
};

/** Leaves things as they were where that is possible, and else so that every consumer goes on. Gives what to say of it. */
const undo = async (going: Going, held: Held, failure: Failure): Promise<MobiusError> => {
  const { call, project, log } = going;
  const { rotation, lock } = held;
  const { lost, step, isWithdrawn, delivered } = failure;
  const about = { rotation_id: rotation.id, step };
  const isSecret = rotation.version !== undefined;
  const isBack = putAllBack(going, delivered, rotation.id);
  held.isLeft = true;
  try {
    // The value of a secret that a command may have set somewhere must not be lost: the next run sets it again.
    if (isWithdrawn && isBack && !isSecret) {
      await call('rotations.abort', { project, rotation: rotation.id, lock, withdrawn: true });
      log('aborted', { rotation_id: rotation.id });
      const id = rotation.successor_id ?? '';
      return new MobiusError(
        'internal',
        `${lost}; the new key ${id} was revoked, and ${nameOf(held)} works as before`,
        {
          ...about,
          id,
          revoked: true,
        },
      );
    }
    await call('rotations.advance', { project, rotation: rotation.id, lock, release: true });
  } catch (error) {
    const message = `${lost}; and what was begun could not be taken back: ${reasonOf(error)}`;
    return new MobiusError('internal', message, about, `the next run goes on with it: mobius rotations list`);
  }
  log('left', { rotation_id: rotation.id });
  const message = isSecret
    ? `${lost}; version ${rotation.version} stays staged, and ${nameOf(held)} is used as before`
    : `${lost}; somebody may have the new key ${rotation.successor_id}, so it and ${nameOf(held)} both work`;
  return new MobiusError(
    'internal',
    message,
    about,
    `the next run goes on with it, or give it up: mobius rotations abort ${rotation.id}`,
  );
};

const deliverAll = async (going: Going, plan: Plan, held: Held, { handed }: Made): Promise<void> => {
  const delivered: Delivery[] = [];
  for (const delivery of plan.deliveries) {
    try {
      await delivery.deliver(handed, held.rotation.id);
      delivered.push(delivery);
      going.log('brought', { rotation_id: held.rotation.id, delivery: delivery.about });
    } catch (error) {
      const isWithdrawn = error instanceof Undelivered;
      const lost = `could not deliver to ${delivery.about}: ${reasonOf(error)}`;
      throw await undo(going, held, { lost, step: 'deliver', isWithdrawn, delivered });
    }
  }
};

const checkIt = async (going: Going, plan: Plan, held: Held, { handed, successor }: Made): Promise<void> => {
  try {
    await plan.check?.(handed, successor);
  } catch (error) {
    const lost = `the check of the successor failed: ${reasonOf(error)}`;
    throw await undo(going, held, { lost, step: 'verify', isWithdrawn: true, delivered: plan.deliveries });
  }
};

/** Brings the successor to everybody who is to have it, and makes sure of it. */
const handOver = async (going: Going, plan: Plan, held: Held, made: Made): Promise<void> => {
  await advance(going, held, 'delivering');
  await deliverAll(going, plan, held, made);
  await advance(going, held, 'delivered');
  await checkIt(going, plan, held, made);
  await advance(going, held, 'verified');
};

const finish = async ({ call, project, log }: Going, plan: Plan, held: Held): Promise<void> => {
  for (const { settle } of plan.deliveries) settle?.(held.rotation.id);
  follow(held, await call('rotations.finish', { project, rotation: held.rotation.id, lock: held.lock }));
  log('done', { rotation_id: held.rotation.id });
};

const isGoneBy = (error: unknown): boolean => error instanceof MobiusError && error.details.reason === 'successor_gone';

const carryOut = async (going: Going, plan: Plan, held: Held, resumed: boolean): Promise<Made> => {
  const left = resumed ? await leftBehind(plan, held) : undefined;
  let made = left ?? (await issue(going, plan, held));
  if (held.rotation.step !== 'verified') await handOver(going, plan, held, made);
  try {
    await finish(going, plan, held);
  } catch (error) {
    if (left === undefined || !isGoneBy(error)) throw error;
    // Somebody revoked it meanwhile.
    made = await issue(going, plan, held);
    await handOver(going, plan, held, made);
    await finish(going, plan, held);
  }
  return made;
};

/** What nobody can have is given up; of anything else whoever comes next need not wait. Where this fails, they do. */
const letGo = async ({ call, project }: Going, { rotation: { id: rotation, step }, lock }: Held): Promise<void> => {
  try {
    if (step === 'begun' || step === 'issued')
      await call('rotations.abort', { project, rotation, lock, withdrawn: true });
    else await call('rotations.advance', { project, rotation, lock, release: true });
  } catch {}
};

/**
 * Rotates one thing, or goes on with what a run before this one left. At every moment at least one of the old and the new
 * works for whoever was given one; where this rejects, or the process is killed, the next run finishes or undoes it.
 */
export const rotate = async (going: Going, plan: Plan): Promise<Outcome> => {
  const { due, reason = '', rotation, lock, resumed = false } = await begin(going, plan);
  if (!due || rotation === undefined || lock === undefined) return { rotated: false, reason };
  requireId(rotation);
  going.log(resumed ? 'resumed' : 'begun', { rotation_id: rotation.id });
  const held: Held = { rotation, lock };
  const leave = stayAt(going, held);
  try {
    for (const delivery of plan.deliveries) delivery.prepare(rotation.id);
    const { successor } = await carryOut(going, plan, held, resumed);
    return { rotated: true, rotation: held.rotation, successor };
  } catch (error) {
    if (held.isLeft !== true) await letGo(going, held);
    throw error;
  } finally {
    leave();
    for (const delivery of plan.deliveries) delivery.discard();
  }
};
