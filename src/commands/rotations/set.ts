import { resolve } from 'node:path';
import { type Context, operationCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { MobiusError } from '../../errors.ts';
import type { Entry } from '../../rotation/deliveries.ts';
import { listFlag, textFlag, waitOf } from '../../rotation/flags.ts';

const local = ['deliver', 'generate', 'exec', 'verify', 'wait-for-use'];

/** How it is delivered, in the words of the line; nothing where the line says nothing of it. */
const waysIn = (context: Context): Omit<Entry, 'subject' | 'project' | 'target'> | undefined => {
  const { io, flags } = context;
  if (!local.some((name) => flags[name] !== undefined)) return undefined;
  const generate = listFlag(context, 'generate');
  return {
    deliver: listFlag(context, 'deliver').map((way) => {
      const [, path] = /^file:(.+)$/s.exec(way) ?? [];
      return path === undefined ? way : `file:${resolve(io.cwd, path)}`;
    }),
    ...(generate.length === 0 ? {} : { generate }),
    ...textFlag(context, 'exec', 'exec'),
    ...textFlag(context, 'verify', 'verify'),
    ...textFlag(context, 'wait-for-use', 'wait_for_use'),
  };
};

/** Of two keys of one name the other one is known by its id, which is another after each rotation. */
const refuseId = (subject: string): void => {
  if (!subject.startsWith('api-keys/key_')) return;
  throw new MobiusError(
    'conflict',
    `its name is that of another key, so nothing lasting says which one is delivered`,
    {},
    `give it a name of its own: mobius api-keys update ${subject.slice('api-keys/'.length)} --name NAME`,
  );
};

export default operationCommand({
  operation: 'rotations.set',
  about:
    'The schedule and the grace stand in the vault or on the server. How the successor is delivered stands on this ' +
    'machine alone, in rotations.toml in the folder of your configuration: the flags for that replace what stood there ' +
    'for this subject on this target. A new key goes to files and to the stdin of commands, and --verify finds it in ' +
    'MOBIUS_API_KEY. The values of a secret are made by --generate or --exec, and go as JSON to the stdin of one ' +
    'command. mobius rotations run rotates what is due.',
  args: [{ name: 'subject', description: 'api-keys/NAME or secrets/NAME' }],
  flags: { every_seconds: { name: 'every' }, grace_seconds: { name: 'grace' } },
  extra: [
    {
      name: 'deliver',
      value: 'WAY',
      repeatable: true,
      modifies: true,
      description: 'where the successor goes: file:PATH or exec:COMMAND (repeatable)',
    },
    { name: 'verify', value: 'COMMAND', modifies: true, description: 'a command that must succeed with the successor' },
    {
      name: 'wait-for-use',
      value: 'DURATION',
      modifies: true,
      description: 'how long to wait for the new key to be used, such as 10m',
    },
    {
      name: 'generate',
      value: 'KEY[:LENGTH[:ALPHABET]]',
      repeatable: true,
      modifies: true,
      description: 'of a secret, a value that is made at random (repeatable)',
    },
    {
      name: 'exec',
      value: 'COMMAND',
      modifies: true,
      description: 'of a secret, a command that writes the new values',
    },
  ],
  examples: [
    'mobius rotations set api-keys/worker-prod --every 30d --grace 24h',
    'mobius rotations set api-keys/worker-prod --every 30d --deliver file:worker.key --verify "mobius whoami"',
    'mobius rotations set secrets/db/prod --every 90d --generate password:40',
  ],
  related: ['rotations due', 'rotations run', 'rotations schedule'],
  async prepare(input, context) {
    const ways = waysIn(context);
    if (ways === undefined) return input;
    const { readDeliveries, wayOf, whyUnfit } = await import('../../rotation/deliveries.ts');
    for (const way of ways.deliver) wayOf(way, '--deliver');
    if (ways.wait_for_use !== undefined) waitOf(ways.wait_for_use, '--wait-for-use');
    const unfit = whyUnfit({ subject: input.subject ?? '', project: '', target: '', ...ways });
    if (unfit !== undefined) throw new MobiusError('usage', unfit);
    // What can't be read can't be changed either: nothing is set then.
    readDeliveries(context.io);
    return input;
  },
  async afterwards({ subject }, { project }, context) {
    const ways = waysIn(context);
    if (ways !== undefined) refuseId(subject);
    const { io, globals, say } = context;
    const [{ changeDeliveries }, { deliveriesPath, isDelivered }, { targetOf }] = await Promise.all([
      import('../../rotation/deliveries-write.ts'),
      import('../../rotation/deliveries.ts'),
      import('../../rotation/target.ts'),
    ]);
    const about = { subject, project: project ?? (await projectOf(io, globals)), target: await targetOf(io, globals) };
    if (ways === undefined) {
      if (!isDelivered(io, about)) say('nothing on this machine says how it is delivered: --deliver does');
      return;
    }
    await changeDeliveries(io, about, { ...about, ...ways });
    say(`how it is delivered stands in "${deliveriesPath(io)}"`);
  },
  done: ({ subject, due_at: at }) => `"${subject}" is due at ${at}; to rotate what is due: mobius rotations run`,
});
