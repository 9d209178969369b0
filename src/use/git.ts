import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, lstat, readlink, realpath } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { MobiusError } from '../errors.ts';
import { binaryNamed, type System, variableIn } from '../platform.ts';

interface Ended {
  /** Absent where it was ended for taking too long. */
  code: number | undefined;
  stdout: Buffer;
  /** What git says went wrong, in one line. */
  said: string;
}

const patience = 10_000;
const mostLinks = 40;

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;

/**
 * Looked up here, and in absolute folders only: a PATH with "." in it, or Windows by itself, would run a program called
 * git that lies in the repository.
 */
const findGit = async (system: System): Promise<string | undefined> => {
  const name = binaryNamed(system.platform, 'git');
  for (const folder of (variableIn(system, 'PATH') ?? '').split(delimiter).filter(isAbsolute)) {
    const file = join(folder, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return undefined;
};

/** A repository is somebody else's folder: its settings must not start a program, and a look must not fetch anything. */
const asGuest = [
  '--no-pager',
  '--no-optional-locks',
  ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'submodule.recurse=false'].flatMap((one) => ['-c', one]),
];

/** Variables of git would lead it to another repository or start programs; ours are no business of its. */
const guestEnv = (env: System['env']): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || /^(GIT_|MOBIUS_)/i.test(name) ? [] : [[name, value]],
    ),
  ),
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
});

interface Run {
  git: string;
  folder: string;
  env: System['env'];
  limitMs: number;
  /** What git must be told in a variable all the same. */
  told?: Readonly<Record<string, string>>;
}

const start = ({ git, folder, env, told }: Run, args: readonly string[]): ChildProcess =>
  spawn(git, [...asGuest, ...args], { cwd: folder, env: { ...guestEnv(env), ...told }, windowsHide: true });

const sentence = (stderr: Buffer): string =>
  (stderr.toString().split('\n')[0] ?? '').replace(/^(fatal|error): /, '').trim();

const runGit = (run: Run, ...args: readonly string[]): Promise<Ended> =>
  new Promise((done, failed) => {
    const child = start(run, args);
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, run.limitMs);
    child.stdin?.end();
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error) => {
      clearTimeout(timer);
      failed(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const said = late ? `it took longer than ${run.limitMs / 1000} seconds` : sentence(Buffer.concat(err));
      done({ code: late ? undefined : (code ?? -1), stdout: Buffer.concat(out), said });
    });
  });

/** Where a file of that name would really be written. */
const placeOf = async (path: string, links = 0): Promise<string> => {
  const place = join(await realpath(dirname(path)), basename(path));
  const found = await lstat(place).catch(() => undefined);
  if (found?.isSymbolicLink() !== true) return found === undefined ? place : realpath(place);
  if (links === mostLinks) throw new MobiusError('usage', `"${path}" is a link that leads in a circle`);
  return placeOf(resolve(dirname(place), await readlink(place)), links + 1);
};

/** The nearest folder above that has a `.git`: a folder, or the file of a linked work tree or a submodule. */
const workTreeOf = async (folder: string): Promise<string | undefined> => {
  if (await exists(join(folder, '.git'))) return folder;
  return dirname(folder) === folder ? undefined : workTreeOf(dirname(folder));
};

/** Names that some file system takes for `.git` are that too. */
const isGitFolder = (name: string): boolean => /^(\.git|git~1)[. ]*$/i.test(name);

const gitFolderIn = (place: string): string | undefined => {
  const parts = place.split(sep);
  const at = parts.findIndex(isGitFolder);
  return at === -1 ? undefined : parts.slice(0, at + 1).join(sep);
};

/**
 * Why git would take a file at this path into its history, in words that go on after the path; undefined where it would
 * not: outside of any work tree, or ignored and not tracked. The file need not exist, its folder must. Whatever can't
 * be told is a reason too.
 */
export const gitWouldTake = async (path: string, system: System, limitMs = patience): Promise<string | undefined> => {
  const place = await placeOf(resolve(path));
  const gitFolder = gitFolderIn(place);
  if (gitFolder !== undefined) return `it is inside "${gitFolder}", which is git's own`;
  const tree = await workTreeOf(dirname(place));
  if (tree === undefined) return undefined;
  const within = `it is inside the git work tree "${tree}"`;
  const git = await findGit(system);
  if (git === undefined) return `${within}, and git isn't installed, so nobody can tell whether it is ignored`;
  // From the top: a bare repository planted further down would answer in its place, by its own settings.
  const run: Run = { git, folder: tree, env: system.env, limitMs };
  const name = relative(tree, place);
  const tracked = await runGit(run, '--literal-pathspecs', 'ls-files', '--error-unmatch', '-z', '--', name);
  if (tracked.code === 0) return `it is tracked by git in "${tree}"`;
  // Its own look at the index takes a name for a pattern; that was looked at above.
  const ignored =
    tracked.code === 1 ? await runGit(run, 'check-ignore', '--no-index', '-q', '--', `./${name}`) : tracked;
  if (ignored.code === 0) return undefined;
  if (ignored.code === 1) return `${within} and not ignored`;
  return `${within}, and git can't tell whether it is ignored: ${ignored.said}`;
};

/** A file as the next commit will have it. */
export interface Staged {
  path: string;
  /** Gone when the next file is asked for. */
  content: AsyncIterable<Uint8Array>;
}

interface Entry {
  path: string;
  blob: string;
}

const submodule = '160000';

/** Of `:100644 100644 <blob> <blob> M`, NUL, the name, NUL. */
const entriesOf = (raw: Buffer): Entry[] => {
  const fields = raw.toString().split('\0');
  const entries: Entry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode, , blob = ''] = (fields[at] ?? '').split(' ');
    if (mode !== submodule) entries.push({ path: fields[at + 1] ?? '', blob });
  }
  return entries;
};

const cannot = (what: string, why: string): MobiusError => new MobiusError('internal', `git can't ${what}: ${why}`);

/** Takes bytes off a stream: up to a line's end, or so many of them. */
const reader = (stream: AsyncIterable<Buffer>) => {
  const source = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { done, value } = await source.next();
    if (done !== true) rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return done !== true;
  };
  return {
    async line(): Promise<string | undefined> {
      let end = rest.indexOf(10);
      while (end === -1 && (await more())) end = rest.indexOf(10);
      if (end === -1) return undefined;
      const line = rest.subarray(0, end).toString();
      rest = rest.subarray(end + 1);
      return line;
    },
    async piece(most: number): Promise<Uint8Array> {
      if (rest.length === 0 && !(await more())) throw cannot('read what is staged', 'it ended too early');
      const piece = rest.subarray(0, most);
      rest = rest.subarray(piece.length);
      return piece;
    },
  };
};

async function* contents(child: ChildProcess, entries: readonly Entry[]): AsyncGenerator<Staged> {
  if (child.stdout === null || child.stdin === null) return;
  const from = reader(child.stdout);
  for (const { path, blob } of entries) {
    child.stdin.write(`${blob}\n`);
    const line = await from.line();
    const [, size] = /^[0-9a-f]+ blob (\d+)$/.exec(line ?? '') ?? [];
    if (size === undefined) throw cannot(`read what is staged of "${path}"`, line ?? 'it ended too early');
    let left = Number(size);
    const content = async function* (): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const piece = await from.piece(left);
        left -= piece.length;
        yield piece;
      }
    };
    yield { path, content: content() };
    // Its reader may have stopped early.
    for await (const _ of content());
    await from.line();
  }
}

/**
 * `git commit -a` and `git commit FILE` hand their hooks an index of their own: that one is committed. One that is not
 * there would be an empty one to git, with nothing staged in it.
 */
const indexOf = async (tree: string, { GIT_INDEX_FILE: named }: System['env']): Promise<Record<string, string>> => {
  if (named === undefined || named === '') return {};
  const index = resolve(tree, named);
  if (await exists(index)) return { GIT_INDEX_FILE: index };
  throw new MobiusError('usage', `git can't tell what is staged: GIT_INDEX_FILE names "${index}", which isn't there`);
};

/**
 * The files that the next commit adds or changes, with the content that it will have, which may differ from the one on
 * disk. Asks git for the blobs by their ids, never by a name: a name may hold any character.
 */
export async function* stagedFiles(folder: string, system: System): AsyncGenerator<Staged> {
  const git = await findGit(system);
  if (git === undefined) throw new MobiusError('usage', "git isn't installed, so nothing can be staged");
  const found: Run = { git, folder, env: system.env, limitMs: patience };
  const top = await runGit(found, 'rev-parse', '--show-toplevel');
  if (top.code !== 0) throw new MobiusError('usage', `git can't tell what is staged: ${top.said}`);
  const tree = top.stdout.toString().replace(/\n$/, '');
  const run: Run = { ...found, folder: tree, limitMs: 6 * patience, told: await indexOf(tree, system.env) };
  const kinds = ['--cached', '--raw', '--no-abbrev', '--no-renames', '--diff-filter=ACMRT'];
  const harmless = ['--no-ext-diff', '--no-textconv', '--no-relative', '--no-color'];
  const listed = await runGit(run, 'diff', ...kinds, ...harmless, '-z', '--');
  if (listed.code !== 0) throw new MobiusError('usage', `git can't tell what is staged: ${listed.said}`);
  const entries = entriesOf(listed.stdout);
  if (entries.length === 0) return;
  const child = start(run, ['cat-file', '--batch']);
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stderr?.resume();
  try {
    yield* contents(child, entries);
  } finally {
    child.kill('SIGKILL');
  }
}
