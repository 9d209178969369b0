import { MobiusError } from '../errors.ts';
import type { Context, ExtraFlag, FlagValues } from './command.ts';
import { configuredEnv } from './project-file.ts';

/** Where the variables of a program come from, for every command that makes some. */
export const variableFlags: readonly ExtraFlag[] = [
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
    takes: 'secrets',
    description: 'a variable for each key of this secret: the prefix, and the key in upper case',
  },
  {
    name: 'env-file',
    value: 'FILE',
    repeatable: true,
    description: 'lines of NAME=TEXT, which may hold references; Node itself looks at this flag too, see --refs',
  },
  {
    name: 'refs',
    value: 'FILE',
    repeatable: true,
    description: 'the same as --env-file, for mobius alone: - is stdin, and one that is not there is told by mobius',
  },
  { name: 'config', value: 'FILE', description: 'the mobius.json whose "env" is set, trusted by this' },
];

const listOf = (value: FlagValues[string]): readonly string[] => (Array.isArray(value) ? value : []);

export interface Sources {
  configured: Readonly<Record<string, string>>;
  files: readonly { said: string; lines: readonly { name: string; value: string; line: number }[] }[];
  secrets: readonly string[];
  env: readonly string[];
}

/** What the flags of a line name, with the files read. A project's own file is left aside until it is trusted. */
export const sourcesFrom = async ({ io, flags, text, warn }: Context): Promise<Sources> => {
  const { parseDotenv } = await import('../use/dotenv.ts');
  const files = [];
  for (const path of [...listOf(flags['env-file']), ...listOf(flags.refs)]) {
    const said = path === '-' ? 'standard input' : `"${path}"`;
    files.push({ said, lines: parseDotenv(await text(`@${path}`), said) });
  }
  const [secrets, env] = [listOf(flags.secret), listOf(flags.env)];
  const { env: configured, untrusted } = await configuredEnv(io, flags.config as string | undefined);
  if (untrusted !== undefined) {
    const hint = 'look at it, then: mobius trust';
    if (files.length + secrets.length + env.length === 0) throw new MobiusError('usage', untrusted, {}, hint);
    warn(`${untrusted}; ${hint}`);
  }
  return { configured, files, secrets, env };
};
