import type { FlagValues, LocalContext } from '../cli/command.ts';
import { localCommand } from '../cli/command.ts';
import { openTarget, projectOf, type Target } from '../cli/profiles.ts';

const listOf = (value: FlagValues[string]): readonly string[] => (Array.isArray(value) ? value : []);
const textOf = (value: FlagValues[string]): string | undefined => (typeof value === 'string' ? value : undefined);

/** The sources of the program's variables, its files read. */
const sourcesFrom = async ({ io, flags, text }: LocalContext) => {
  const [{ parseDotenv }, { configuredEnv }] = await Promise.all([
    import('../use/dotenv.ts'),
    import('../use/configured.ts'),
  ]);
  const files = [];
  for (const path of listOf(flags['env-file'])) {
    const said = path === '-' ? 'standard input' : `"${path}"`;
    files.push({ said, lines: parseDotenv(await text(`@${path}`), said) });
  }
  return {
    inherited: io.env,
    configured: await configuredEnv(textOf(flags.config)),
    files,
    secrets: listOf(flags.secret),
    env: listOf(flags.env),
    pristine: flags.pristine === true,
    platform: io.platform,
  };
};

export default localCommand({
  summary: 'run a program that gets secrets as its variables',
  about:
    'The program inherits the variables of this shell, but none whose name starts with MOBIUS_, and gets those named ' +
    'here; of several for one name the last wins: mobius.json, --env-file, --secret, --env. Wherever a variable holds ' +
    `a reference such as \${secret:prod-db.password}, it gets the value. In what it writes to anything but a terminal, ` +
    'values are replaced by ***. It gets the signals that mobius gets. The exit code is its own, 128 and the number of ' +
    'the signal that ended it, 127 where there is no such command and 126 where it can not be executed.',
  rest: { name: 'command', description: 'the program and its arguments; every flag after it is its own' },
  extra: [
    {
      name: 'env',
      value: 'NAME=TEXT',
      repeatable: true,
      description: 'set a variable; NAME alone passes on the one that is set here',
    },
    {
      name: 'secret',
      value: 'NAME[=PREFIX_]',
      repeatable: true,
      description: 'a variable for each key of this secret: the prefix, and the key in upper case',
    },
    {
      name: 'env-file',
      value: 'FILE',
      repeatable: true,
      description: 'lines of NAME=TEXT, which may hold references; - is stdin',
    },
    { name: 'config', value: 'FILE', description: 'the mobius.json whose "env" is set' },
    { name: 'pristine', description: 'inherit nothing' },
    { name: 'no-mask', description: 'leave its output as it is' },
  ],
  examples: [
    'mobius run --secret prod-db=DB_ -- ./migrate.sh --all',
    `mobius run --env 'PGPASSWORD=\${secret:prod-db.password}' ./report.sh daily`,
    'mobius run --pristine --env PATH -- env',
  ],
  async run(context) {
    const { io, globals, flags, rest, debug } = context;
    const [typed = '', ...args] = rest;
    const [{ findProgram }, { environmentFrom }, { useSecrets }, { runProgram }] = await Promise.all([
      import('../use/program.ts'),
      import('../use/environment.ts'),
      import('../use/resolve.ts'),
      import('../use/child.ts'),
    ]);
    const path = findProgram(io, typed);
    const { wanted, filled } = environmentFrom(await sourcesFrom(context));
    let opened: Target | undefined;
    const close = async (): Promise<void> => {
      const target = opened;
      opened = undefined;
      await target?.close();
    };
    const open = async () => {
      opened = await openTarget(io, globals);
      debug(`resolves in ${opened.about}`);
      return { call: opened.call, project: projectOf(globals), close };
    };
    // The program may run for days, and may change the vault itself: it is closed before.
    const used = await useSecrets(open, wanted).finally(close);
    const env = filled(used);
    const values = flags['no-mask'] === true ? [] : used.values;
    return runProgram(io, { path, typed, args, env, values });
  },
});
