import type { Call, Input, Output } from '../../src/operations.ts';
import { noPostgres } from '../store/postgres-shared.ts';
import { refusal } from './world.ts';

/** The engines that there are here. */
export const engines: readonly ('sqlite' | 'postgres')[] =
  noPostgres() === undefined ? ['sqlite', 'postgres'] : ['sqlite'];

export type Subject = Input<'rotations.start'>['subject'];

/** One who rotates something, step by step. */
export interface Rotator {
  rotation: string;
  lock: string;
  issue(more?: Partial<Input<'rotations.issue'>>): Promise<Output<'rotations.issue'>>;
  advance(
    step?: 'delivering' | 'delivered' | 'verified',
    more?: Partial<Input<'rotations.advance'>>,
  ): Promise<Output<'rotations.advance'>>;
  finish(): Promise<Output<'rotations.finish'>>;
  abort(how?: Partial<Input<'rotations.abort'>>): Promise<Output<'rotations.abort'>>;
  /** All that there is between a successor and its place. */
  bring(): Promise<void>;
}

export const rotator = (call: Call, rotation: string, lock: string): Rotator => {
  const going = { rotation, lock };
  const advance: Rotator['advance'] = (step, more) =>
    call('rotations.advance', { ...going, ...(step === undefined ? {} : { step }), ...more });
  return {
    ...going,
    issue: (more) => call('rotations.issue', { ...going, ...more }),
    advance,
    finish: () => call('rotations.finish', going),
    abort: (how) => call('rotations.abort', { ...going, ...how }),
    async bring() {
      for (const step of ['delivering', 'delivered', 'verified'] as const) await advance(step);
    },
  };
};

export const begin = async (
  call: Call,
  subject: string,
  more: Partial<Input<'rotations.start'>> = {},
): Promise<Rotator> => {
  const started = await call('rotations.start', { subject: subject as Subject, holder: 'one', ...more });
  const { rotation, lock } = started;
  if (rotation === undefined || lock === undefined) throw new Error(`nothing was begun: ${started.reason}`);
  return rotator(call, rotation.id, lock);
};

/** The successor's id and what is shown of it once. */
export const made = ({ rotation, key }: Output<'rotations.issue'>): { id: string; key: string } => {
  if (rotation.successor_id === undefined || key === undefined) throw new Error('no key was made');
  return { id: rotation.successor_id, key };
};

/** A whole rotation; gives the new key. */
export const rotate = async (
  call: Call,
  subject: string,
  more: Partial<Input<'rotations.start'>> = {},
): Promise<{ id: string; key: string }> => {
  const going = await begin(call, subject, more);
  const next = made(await going.issue());
  await going.bring();
  await going.finish();
  return next;
};

/** Why a call was refused. */
export const reasonOf = async (call: Promise<unknown>): Promise<unknown> => {
  const { code, details } = await refusal(call);
  return details.reason ?? code;
};
