import { type Context, operationCommand } from '../../cli/command.ts';
import { MobiusError } from '../../errors.ts';
import type { Input } from '../../operations.ts';
import {
  conditionsIn,
  isVariable,
  listFlag,
  rotationFlags,
  textFlag,
  timeoutOf,
  waitForUse,
} from '../../rotation/flags.ts';

const usage = (message: string, hint: string): MobiusError => new MobiusError('usage', message, {}, hint);

/** Flags that need several calls, which another system's contract has not. */
const ours = ['exec', 'variable', 'verify', 'wait-for-use', 'if-older-than', 'if-expires-within', 'if-unused-for'];

const startOf = (input: Input<'api-keys.rotate'>, context: Context) => {
  const { project: _, id, ...wish } = input;
  return { subject: `api-keys/${id}`, ...wish, ...conditionsIn(context) };
};

export default operationCommand({
  operation: 'api-keys.rotate',
  about:
    'The new key has the same principal, name, tags and limits, and lives as long as the one before did. The old one ' +
    'stops when the new one is delivered and checked, or --grace later. Without --out and --exec the raw key is shown ' +
    'once. Where a delivery fails the new key is revoked and the old one works on; where the check fails, the file is put ' +
    'back first. Where a command may have it, both work on. A run that was killed is finished or undone by the next one.',
  args: [
    {
      name: 'id',
      label: 'key',
      description: "the key's name or id; @me is the one that acts",
      optional: true,
      choices: ['@me'],
    },
  ],
  flags: { id: { name: 'id', hidden: true, optional: true }, expires_at: { alias: 'expires-in' } },
  extra: [
    { name: 'self', description: 'rotate the key that acts' },
    {
      name: 'exec',
      value: 'CMD',
      repeatable: true,
      description: 'a line for the shell that gets the new key on stdin, and ends with 0 when it is in its place',
    },
    { name: 'variable', value: 'NAME', description: 'give it to --exec in this variable, not on stdin' },
    ...rotationFlags,
    { name: 'if-unused-for', value: 'DURATION', description: 'only if it was not used for this long' },
    {
      name: 'wait-for-use',
      value: 'DURATION',
      description: 'the old one gives way only when the new one was used, within this time',
    },
  ],
  examples: [
    'mobius api-keys rotate ci',
    'mobius api-keys rotate ci --grace 24h --out ci.key --verify "test -s ci.key"',
    'mobius api-keys rotate ci --if-older-than 30d --out ci.key --expires-in 90d',
  ],
  related: ['rotations set', 'rotations resume', 'api-keys verify'],
  prepare(input, { flags }) {
    if (typeof flags.variable === 'string' && !isVariable(flags.variable)) {
      throw usage('--variable must be the name of a variable', 'such as: --variable NEW_KEY');
    }
    if (flags.self === true) {
      if (input.id === undefined) return { ...input, id: '@me' };
      throw usage('a key and --self exclude each other', 'leave one of them out');
    }
    if (input.id !== undefined) return input;
    throw usage('<key> is required', 'name a key, or rotate the one that acts: mobius api-keys rotate --self');
  },
  oneTime: {
    expected: (_, flags) => flags.exec === undefined,
    value: ({ key }) => key,
    id: ({ id }) => id,
    takeBack: (call, { id }, { project }) =>
      call('api-keys.revoke', { id, ...(project === undefined ? {} : { project }) }),
  },
  inSteps: {
    refuseAtOnce({ flags }) {
      const given = ours.find((name) => flags[name] !== undefined);
      if (given === undefined) return;
      const message = `--${given} needs a mobius server: this one stops the old key when it makes the new one`;
      throw new MobiusError(
        'unsupported',
        message,
        { field: given },
        'leave it out; --out writes the new key to a file',
      );
    },
    first: (input, context) => ({ operation: 'rotations.start', input: startOf(input, context) }),
    async run(input, context, { call, project, file, show }) {
      const { io, globals, say } = context;
      const [{ rotate }, { keyPlan, successorRecord }, { logged, openLog }] = await Promise.all([
        import('../../rotation/drive.ts'),
        import('../../rotation/keys.ts'),
        import('../../rotation/log.ts'),
      ]);
      const format = context.flags['log-format'];
      const log = openLog(context, format);
      const going = { io, call, project, log };
      const commands = listFlag(context, 'exec');
      const isShown = file === undefined && commands.length === 0;
      const start = startOf(input, context);
      const plan = keyPlan(going, globals, start, {
        files: file === undefined ? [] : [file],
        commands,
        timeoutSeconds: timeoutOf(context),
        ...textFlag(context, 'variable', 'variable'),
        ...textFlag(context, 'verify', 'verify'),
        ...waitForUse(context),
        show: ({ apiKey, key = '' }) => show({ ...apiKey, key }, key),
      });
      return logged(context, { log, format }, async () => {
        const outcome = await rotate(going, plan);
        if (!outcome.rotated) {
          show({ rotated: false, subject: start.subject, reason: outcome.reason });
          say(`nothing is due: ${outcome.reason}`);
          return 0;
        }
        const made = await successorRecord(going, outcome.successor);
        if (!isShown) show(made);
        const { grace_seconds: grace } = outcome.rotation;
        const old = grace === 0 ? 'it stopped' : `it works until ${context.time(`${grace}s`)}`;
        const next = made.name === undefined ? made.id : `"${made.name}" (${made.id})`;
        say(`rotated api key "${input.id}": ${old}, ${next} takes its place`);
        if (isShown) say('shown only this once: store it now');
        return 0;
      });
    },
  },
  done: ({ name, id }, { id: old }) => `rotated api key "${old}": it stopped, "${name}" (${id}) takes its place`,
});
