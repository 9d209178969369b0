import type { Globals } from '../cli/command.ts';
import { MobiusError } from '../errors.ts';
import type { Rotation } from '../generated/types.ts';
import { isAbout, readDeliveries } from './deliveries.ts';
import { rotate } from './drive.ts';
import { type KeyWays, keyPlan } from './keys.ts';
import type { Going, Plan } from './plan.ts';
import { planOf } from './run.ts';
import { secretPlan } from './secrets.ts';

interface Resuming {
  /** What the line leads to. */
  target: string;
  /** As flags say it. */
  ways?: KeyWays;
  show(result: unknown, oneTime?: string): void;
}

const kindOf = ({ subject }: Rotation): string => subject.slice(0, subject.indexOf('/'));

const nothingStaged = ({ id, subject }: Rotation): MobiusError =>
  new MobiusError(
    'conflict',
    `no version was staged yet in "${id}", and nothing says how the new value is made`,
    { id },
    `begin again: mobius secrets rotate ${subject.slice('secrets/'.length)} --generate KEY`,
  );

/** How a secret can't be handed over is not left out silently. */
const refuseForSecrets = ({ files, commands, useWithinSeconds }: KeyWays): void => {
  const said = files.length > 0 ? '--out' : useWithinSeconds === undefined ? undefined : '--wait-for-use';
  if (said !== undefined) throw new MobiusError('usage', `${said} is for API keys`, {}, 'leave it out');
  if (commands.length > 1) throw new MobiusError('usage', 'a secret is put into force by one --exec');
};

const planFor = async (going: Going, globals: Globals, rotation: Rotation, resuming: Resuming): Promise<Plan> => {
  const { target, ways, show } = resuming;
  const about = { subject: rotation.subject, project: going.project, target };
  const entry = ways === undefined ? readDeliveries(going.io).find((one) => isAbout(one, about)) : undefined;
  if (entry !== undefined) return planOf(going, globals, { project: going.project, subject: rotation.subject }, entry);
  const start = { subject: `${kindOf(rotation)}/${rotation.subject_id}` };
  const how = ways ?? { files: [], commands: [], timeoutSeconds: 600 };
  if (kindOf(rotation) === 'api-keys') {
    return keyPlan(going, globals, start, {
      ...how,
      show: ({ apiKey, key = '' }) => show({ ...apiKey, key }, key),
    });
  }
  refuseForSecrets(how);
  if (rotation.version === undefined) throw nothingStaged(rotation);
  const [apply] = how.commands;
  return secretPlan(going, rotation.subject_id, start, {
    generate: () => Promise.reject(nothingStaged(rotation)),
    variables: {},
    timeoutSeconds: how.timeoutSeconds,
    ...(apply === undefined ? {} : { apply }),
    ...(how.verify === undefined ? {} : { verify: how.verify }),
  });
};

/** Goes on with what was left, to its end. Gives the rotation, where nothing else of it was shown. */
export const resume = async (
  going: Going,
  globals: Globals,
  id: string,
  resuming: Resuming,
): Promise<Rotation | undefined> => {
  const { call, project } = going;
  const rotation = await call('rotations.get', { project, rotation: id });
  if (rotation.ended_at !== undefined) {
    throw new MobiusError('conflict', `the rotation "${id}" is ${rotation.step} already`, {
      reason: 'rotation_ended',
      id,
    });
  }
  const plan = await planFor(going, globals, rotation, resuming);
  const outcome = await rotate(going, plan);
  const isShown = plan.deliveries.some(({ about }) => about === 'standard output');
  return outcome.rotated && !isShown ? outcome.rotation : undefined;
};
