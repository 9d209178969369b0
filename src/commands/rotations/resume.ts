import { localCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget } from '../../cli/profiles.ts';
import { speechFor } from '../../cli/speech.ts';
import { listFlag, rotationFlags, textFlag, timeoutOf, waitForUse } from '../../rotation/flags.ts';

/** What says how, and to whom: where none of these is given, the machine's own file does. */
const waysFlags = ['out', 'exec', 'verify', 'wait-for-use'];

export default localCommand({
  summary: 'go on with a rotation that was left behind, to its end',
  about:
    'Where a file holds the successor already, it is checked and takes its place; else another is made, delivered and ' +
    'checked. Without a flag that says how, rotations.toml does; without either the new key is shown once. The same ' +
    'command that began it goes on with it too, and so does mobius rotations run.',
  args: [{ name: 'rotation', description: "the rotation's id, as in mobius rotations list" }],
  extra: [
    { name: 'out', value: 'FILE', description: 'write the new key to this file (mode 0600)' },
    {
      name: 'exec',
      value: 'CMD',
      repeatable: true,
      description: 'a line for the shell that gets the successor on stdin, and ends with 0 when it is in its place',
    },
    ...rotationFlags.filter(({ name }) => !name.startsWith('if-')),
    {
      name: 'wait-for-use',
      value: 'DURATION',
      description: 'the old key gives way only when the new one was used, within this time',
    },
  ],
  examples: [
    'mobius rotations resume rot_01kdwhnx00f0000000000000zz',
    'mobius rotations resume rot_01kdwhnx00f0000000000000zz --out ci.key',
  ],
  related: ['rotations abort'],
  async run(context) {
    const { io, globals, args, flags, show, say, warn } = context;
    (await speechFor(io, globals))?.check('rotations.start');
    const [{ resume }, { openLog }, { targetOf }] = await Promise.all([
      import('../../rotation/resume.ts'),
      import('../../rotation/log.ts'),
      import('../../rotation/target.ts'),
    ]);
    const ways = {
      files: typeof flags.out === 'string' ? [flags.out] : [],
      commands: listFlag(context, 'exec'),
      timeoutSeconds: timeoutOf(context),
      ...textFlag(context, 'verify', 'verify'),
      ...waitForUse(context),
    };
    const target = await openTarget(io, globals);
    try {
      const project = await projectOf(io, globals);
      const going = { io, call: target.call, project, log: openLog(context, flags['log-format']) };
      const isSaid = waysFlags.some((name) => flags[name] !== undefined);
      const rotation = await resume(going, globals, args.rotation ?? '', {
        target: await targetOf(io, globals),
        show,
        ...(isSaid ? { ways } : {}),
      });
      if (rotation !== undefined) show(rotation);
      say(`the rotation "${args.rotation}" is done`);
      return 0;
    } finally {
      await letGo(target, warn);
    }
  },
});
