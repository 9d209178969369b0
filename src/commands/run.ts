import { closeSync } from 'node:fs';
import { localCommand } from '../cli/command.ts';
import { useTarget } from '../cli/profiles.ts';
import { sourcesFrom, variableFlags } from '../cli/variables.ts';

/** Read or not, what opens the vault is none of the program's business: a shell's descriptors are inherited. */
const closeDescriptor = (descriptor: number | undefined): void => {
  if (descriptor === undefined || descriptor <= 2) return;
  try {
    closeSync(descriptor);
  } catch {}
};

export default localCommand({
  summary: 'run a program that gets secrets as its variables',
  about:
    'The program inherits the variables of this shell, but none whose name starts with MOBIUS_, and gets those named ' +
    'here; of several for one name the last wins: mobius.json, --env-file and --refs, --secret, --env. Wherever a variable holds ' +
    `a reference such as \${secret:prod-db.password}, it gets the value. In what it writes to anything but a terminal, ` +
    'values of four characters and more are replaced by ***. It gets the signals that mobius gets. The exit code is its own, 128 and the number of ' +
    'the signal that ended it, 127 where there is no such command and 126 where it can not be executed.',
  passesOn: true,
  rest: { name: 'command', description: 'the program and its arguments; every flag after it is its own' },
  extra: [
    ...variableFlags,
    { name: 'pristine', description: 'inherit nothing' },
    { name: 'no-mask', description: 'leave its output as it is' },
  ],
  examples: [
    'mobius run --secret prod-db=DB_ -- ./migrate.sh --all',
    `mobius run --env 'PGPASSWORD=\${secret:prod-db.password}' ./report.sh daily`,
    'mobius run --pristine --env PATH -- env',
  ],
  related: ['env', 'inject', 'secrets create', 'help references'],
  async run(context) {
    const { io, globals, flags, rest } = context;
    const [typed = '', ...args] = rest;
    const [{ findProgram }, { environmentFrom }, { useSecrets }, { runProgram }] = await Promise.all([
      import('../use/program.ts'),
      import('../use/environment.ts'),
      import('../use/resolve.ts'),
      import('../use/child.ts'),
    ]);
    const path = findProgram(io, typed);
    const { wanted, filled } = environmentFrom({
      ...(await sourcesFrom(context)),
      inherited: io.env,
      pristine: flags.pristine === true,
      platform: io.platform,
    });
    // The program may run for days, and may change the vault itself: it is closed again by now.
    const used = await useSecrets(useTarget(io, globals, context), wanted);
    const env = filled(used);
    closeDescriptor(globals.passphraseFd);
    const values = flags['no-mask'] === true ? [] : used.values;
    return runProgram(io, { path, typed, args, env, values });
  },
});
