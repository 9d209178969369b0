import { type Context, localCommand } from '../../cli/command.ts';
import { projectOf } from '../../cli/destination.ts';
import { letGo, openTarget } from '../../cli/profiles.ts';
import { generatedAll, generateFlag } from '../../cli/secret-values.ts';
import { speechFor } from '../../cli/speech.ts';
import { MobiusError } from '../../errors.ts';
import { conditionsIn, isVariable, listFlag, rotationFlags, textFlag, timeoutOf } from '../../rotation/flags.ts';

const usage = (message: string, hint: string): MobiusError => new MobiusError('usage', message, {}, hint);

/** `KEY=NAME`: which variable holds the value of which key. */
const variablesOf = (context: Context): Record<string, string> =>
  Object.fromEntries(
    listFlag(context, 'variable').map((text): [string, string] => {
      const at = text.indexOf('=');
      const name = text.slice(at + 1);
      if (at > 0 && isVariable(name)) return [text.slice(0, at), name];
      throw usage('--variable must be KEY=NAME', 'such as: --variable password=NEW_PASSWORD');
    }),
  );

export default localCommand({
  summary: 'put a new value in the place of one, in steps: put, apply, verify, activate, retire',
  about:
    'The new version is staged with the values that --generate or --exec makes; the other keys keep theirs. --apply puts ' +
    'it into force, such as by changing a password, and --verify makes sure: both get all its values as JSON on stdin, or ' +
    'those that --variable names in variables. Only then it is in use, and the version before is disabled. Where a step ' +
    'fails it stays staged, and the next run goes on with it: --apply must be such that it can be repeated.',
  args: [{ name: 'secret', description: "the secret's name or id" }],
  extra: [
    generateFlag,
    {
      name: 'exec',
      value: 'CMD',
      description: 'a line for the shell that writes the new values to its stdout, as JSON, or one alone as it is',
    },
    { name: 'apply', value: 'CMD', description: 'a line for the shell that puts the new values into force' },
    { name: 'variable', value: 'KEY=NAME', repeatable: true, description: 'give a value in this variable' },
    ...rotationFlags,
    { name: 'dry-run', description: 'say what would be done, and do nothing' },
  ],
  examples: [
    'mobius secrets rotate db/prod --generate password:40',
    'mobius secrets rotate db/prod --generate password:40 --if-older-than 30d',
    'mobius secrets rotate openai --exec "printf %s a-new-value" --verify "grep -q api_key"',
  ],
  related: ['rotations set', 'rotations resume', 'secrets update'],
  async run(context) {
    const { io, globals, args, flags, show, say, warn } = context;
    (await speechFor(io, globals))?.check('secrets.update');
    const { secret = '' } = args;
    const generate = listFlag(context, 'generate');
    if (generate.length > 0 === (flags.exec !== undefined)) {
      const which =
        generate.length > 0 ? '--generate and --exec exclude each other' : 'nothing says how the new value is made';
      throw usage(which, "--generate KEY makes one at random, --exec 'CMD' takes what a command writes");
    }
    const ways = {
      generate: () => generatedAll(generate),
      variables: variablesOf(context),
      timeoutSeconds: timeoutOf(context),
      ...textFlag(context, 'exec', 'exec'),
      ...textFlag(context, 'apply', 'apply'),
      ...textFlag(context, 'verify', 'verify'),
    };
    const values = await ways.generate();
    const start = { subject: `secrets/${secret}`, ...conditionsIn(context) };
    if (flags['dry-run'] === true) {
      show({ ...start, keys: Object.keys(values) });
      say('nothing was sent');
      return 0;
    }
    const [{ rotate }, { secretPlan }, { logged, openLog }] = await Promise.all([
      import('../../rotation/drive.ts'),
      import('../../rotation/secrets.ts'),
      import('../../rotation/log.ts'),
    ]);
    const format = flags['log-format'];
    const log = openLog(context, format);
    return logged(context, { log, format }, async () => {
      const target = await openTarget(io, globals);
      try {
        const { call } = target;
        const project = await projectOf(io, globals);
        const going = { io, call, project, log };
        const outcome = await rotate(going, secretPlan(going, secret, start, ways));
        if (!outcome.rotated) {
          show({ rotated: false, subject: start.subject, reason: outcome.reason });
          say(`nothing is due: ${outcome.reason}`);
          return 0;
        }
        const { version, from_version: before, subject } = outcome.rotation;
        show(await call('secrets.get', { project, secret }));
        say(`rotated ${subject}: version ${version} is in use${before === undefined ? '' : `, in place of ${before}`}`);
        return 0;
      } finally {
        await letGo(target, warn);
      }
    });
  },
});
