import type { Rotation, RotationPolicy } from '../generated/types.ts';
import type { Call } from '../operations.ts';
import type { Plan } from './plan.ts';

/** One thing that a run has to look at: it is due, or a rotation of it was left behind. */
export interface Task {
  project: string;
  subject: string;
  policy?: RotationPolicy;
  /** Under way; whoever holds it may still be at it. */
  rotation?: Rotation;
}

const inOneGo = 100;

const all = async <T>(
  page: (cursor: string | undefined) => Promise<{ items: readonly T[]; next_cursor?: string }>,
): Promise<T[]> => {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, next_cursor: next } = await page(cursor);
    found.push(...items);
    cursor = next;
  } while (cursor !== undefined);
  return found;
};

const from = (cursor: string | undefined): { limit: number; cursor?: string } =>
  cursor === undefined ? { limit: inOneGo } : { limit: inOneGo, cursor };

/** The projects that the caller sees and that anything can be changed in. */
export const projectsOf = async (call: Call): Promise<string[]> => {
  const { items } = await call('projects.list', {});
  return items.filter(({ archived_at: archived }) => archived === undefined).map(({ handle }) => handle);
};

/** What is due in a project, or with a schedule at all, and what is under way there. */
export const tasksIn = async (call: Call, project: string, evenLater: boolean): Promise<Task[]> => {
  const policies = await all((cursor) =>
    call('rotations.due', { project, ...(evenLater ? { include_later: true } : {}), ...from(cursor) }),
  );
  const underWay = await all((cursor) => call('rotations.list', { project, ...from(cursor) }));
  const others = underWay.filter(({ subject_id: id }) => !policies.some((policy) => policy.subject_id === id));
  return [
    ...policies.map((policy): Task => {
      const rotation = underWay.find(({ subject_id: id }) => id === policy.subject_id);
      return { project, subject: policy.subject, policy, ...(rotation === undefined ? {} : { rotation }) };
    }),
    ...others.map((rotation): Task => ({ project, subject: rotation.subject, rotation })),
  ];
};

/** Longer than anything lives. */
const neverSeconds = 3_153_600_000;

/**
 * The schedule as conditions, so that the second of two runs at once finds what the first one made, and leaves it alone.
 * A rotation that is under way goes on whatever they say; one that somebody finished meanwhile isn't begun again.
 */
export const conditionsOf = ({ policy }: Task): Omit<Plan['start'], 'subject'> => {
  if (policy?.due !== true) return { if_older_than_seconds: neverSeconds };
  const { every_seconds: every, last_rotated_at: made, expires_at: end, due_at: due } = policy;
  const isByEnd = end !== undefined && Date.parse(due) < Date.parse(made) + every * 1000;
  return {
    if_older_than_seconds: every,
    ...(isByEnd
      ? { if_expires_within_seconds: Math.max(1, Math.ceil((Date.parse(end) - Date.parse(due)) / 1000)) }
      : {}),
  };
};
