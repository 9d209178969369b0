import { MobiusError } from '../errors.ts';

export const formats = ['sh', 'fish', 'powershell', 'dotenv', 'docker', 'github'] as const;

export type Format = (typeof formats)[number];

export type Variables = Readonly<Record<string, string>>;

const refused = (name: string, problem: string, hint?: string): MobiusError =>
  new MobiusError('invalid_input', `the value of "${name}" ${problem}`, { name }, hint);

/**
 * Integers of bash and zsh: an assignment computes its right side, quoted or not, and computing a text such as
 * `x[$(command)]` runs the command.
 */
const computed = new Set(
  (
    'ARGC BASHPID COLUMNS EGID EPOCHREALTIME EPOCHSECONDS ERRNO EUID FUNCNEST GID HISTCMD HISTSIZE KEYTIMEOUT LINENO ' +
    'LINES LISTMAX MAILCHECK OPTIND PPID RANDOM SAVEHIST SECONDS SHLVL SRANDOM TMOUT TRY_BLOCK_ERROR ' +
    'TRY_BLOCK_INTERRUPT TTYIDLE UID ZSH_SUBSHELL status'
  ).split(' '),
);

const sh = (name: string, value: string): string => {
  if (computed.has(name) && !/^\d+$/.test(value)) {
    throw refused(name, 'is no whole number, and a shell would compute it and run what it holds', 'use another name');
  }
  return `export ${name}='${value.replaceAll("'", "'\\''")}'`;
};

const fish = (name: string, value: string): string => `set -gx ${name} '${value.replace(/[\\']/g, '\\$&')}'`;

/**
 * PowerShell takes ‘ ’ ‚ ‛ for quotes, decodes what a program prints by the console's code page, and ends lines its own
 * way: whatever is not plain ASCII goes by its number.
 */
const powershell = (name: string, value: string): string => {
  if (/^[ -~]*$/.test(value)) return `$env:${name} = '${value.replaceAll("'", "''")}'`;
  const parts = (value.match(/[ -~]+|[^ -~]/g) ?? []).map((part) =>
    /^[ -~]/.test(part) ? `'${part.replaceAll("'", "''")}'` : `[char]${part.charCodeAt(0)}`,
  );
  return `$env:${name} = -join @(${parts.join(',')})`;
};

/**
 * Ways to write a value that the npm package and parseDotenv read alike. The package turns a bare CR into LF, expands
 * nothing in double quotes but \n and \r, and takes a backslash before the closing quote for an escape of it.
 */
const dotenvStyles: readonly ((value: string) => string | undefined)[] = [
  (value) => (/^[\w.,:/@%+=-]+$/.test(value) ? value : undefined),
  (value) => (/['\r]|\\$/.test(value) ? undefined : `'${value}'`),
  (value) => (/["\\]/.test(value) ? undefined : `"${value.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`),
  (value) => (/[`\r]|\\$/.test(value) ? undefined : `\`${value}\``),
  (value) => (/^(?![ '"`])[ !-"$-~]*(?<! )$/.test(value) ? value : undefined),
];

const dotenv = (name: string, value: string): string => {
  for (const style of dotenvStyles) {
    const text = style(value);
    if (text !== undefined) return `${name}=${text}`;
  }
  throw refused(name, 'cannot be written in a dotenv file: no way of quoting there holds it', 'use another format');
};

/** Of a line with its end: what a Go scanner takes. */
const dockerLineBytes = 64 * 1024;

const docker = (name: string, value: string): string => {
  const no = (problem: string): MobiusError => refused(name, problem, 'pass it by name: docker run --env NAME');
  if (value.includes('\n')) throw no('has more than one line, which a file for docker cannot hold');
  if (value.endsWith('\r')) throw no('ends in a carriage return, which docker takes away');
  if (/^(['"]).*\1$/s.test(value) && value.length > 1)
    throw no('is in quotes, which some versions of docker take away');
  const line = `${name}=${value}`;
  if (new TextEncoder().encode(line).length >= dockerLineBytes) throw no('is too long for a file that docker reads');
  return line;
};

const github = (name: string, value: string, random: () => string): string => {
  // A runner on Windows takes it for a part of the line's end.
  if (value.endsWith('\r')) throw refused(name, 'ends in a carriage return, which a runner may take away');
  const delimiter = `mobius_${random()}`;
  // A value that could end its own text could set other variables, PATH and NODE_OPTIONS among them.
  if (!/^\w{16,}$/.test(delimiter)) throw new Error('the delimiter must be random letters and digits');
  if (value.includes(delimiter)) throw refused(name, 'holds the delimiter that was drawn', 'try again');
  return `${name}<<${delimiter}\n${value}\n${delimiter}`;
};

const writers: Readonly<Record<Format, (name: string, value: string, random: () => string) => string>> = {
  sh,
  fish,
  powershell,
  dotenv,
  docker,
  github,
};

const check = (name: string, value: string): void => {
  // A name goes into a line of code as it is: `x;rm -rf ~` would be run.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new MobiusError('invalid_input', `"${name}" is no name for a variable`, { name });
  }
  if (value.includes('\0')) throw refused(name, 'holds a NUL, which no variable can');
  if (/\p{Surrogate}/u.test(value)) throw refused(name, 'holds half a character, which no variable can');
};

/**
 * Text that gives each variable exactly its value where the format is read, or an invalid_input error that names the
 * variable; whatever a value holds, nothing of it is run. `random` gives letters and digits that nobody can guess, new
 * ones at each call.
 *
 *     sh          eval "$(...)"
 *     fish        ... | source
 *     powershell  ... | Out-String | Invoke-Expression    (before 7.5 an empty value takes the variable away)
 *     dotenv      a file for the npm package dotenv
 *     docker      docker run --env-file
 *     github      appended to "$GITHUB_ENV"
 */
export const renderVariables = (format: Format, variables: Variables, random: () => string): string =>
  Object.entries(variables)
    .map(([name, value]) => {
      check(name, value);
      return `${writers[format](name, value, random)}\n`;
    })
    .join('');

const masked = (line: string): string => line.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** Lines for the standard output of a GitHub step, which hide each line of each value in its log. */
export const githubMasks = (values: readonly string[]): string => {
  const lines = new Set(values.flatMap((value) => value.split(/\r\n?|\n/)).filter((line) => line.trim() !== ''));
  return [...lines].map((line) => `::add-mask::${masked(line)}\n`).join('');
};
