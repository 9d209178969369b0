import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MobiusError } from '../errors.ts';
import type { Signals } from '../io.ts';

/** The types of the file systems that live in memory alone, as statfs names them: tmpfs and ramfs. */
const memoryTypes = [0x01021994, 0x858458f6];

const isMemory = (folder: string): boolean => {
  try {
    return memoryTypes.includes(statfsSync(folder).type);
  } catch {
    return false;
  }
};

const memoryFolder = (env: Readonly<Record<string, string | undefined>>): string => {
  const found = [env.XDG_RUNTIME_DIR, '/dev/shm', '/run/shm'].find((folder) => folder && isMemory(folder));
  if (found !== undefined) return found;
  throw new MobiusError(
    'unsupported',
    'there is no folder here that lives in memory, and values are not put on a disk',
    {},
    'give them another way: --value KEY asks, --set KEY=@- reads standard input',
  );
};

export interface Editing {
  env: Readonly<Record<string, string | undefined>>;
  signals: Signals;
}

/** Windows has no folder in memory, so there is a shell wherever this is called. What a person calls their editor is a line for the shell, such as `code --wait`; the file is its last word. */
const runEditor = (editor: string, path: string, { env }: Editing): Promise<number> =>
  new Promise((done, fail) => {
    const own = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MOBIUS_')));
    // A shell between would end with the Ctrl-C that the editor makes something else of.
    const isPlain = /^[\w./+ -]+$/.test(editor);
    const line = `${isPlain ? 'exec ' : ''}${editor} "$1"`;
    const child = spawn('sh', ['-c', line, 'sh', path], { stdio: 'inherit', env: own });
    child.on('error', fail);
    child.on('close', (code) => done(code ?? 1));
  });

/** Ctrl-C is the editor's own; what ends mobius takes the text with it. */
const keepTo = ({ take, raise }: Signals, remove: () => void): (() => void) => {
  const releases: (() => void)[] = [];
  const forget = (): void => {
    for (const release of releases) release();
  };
  for (const name of ['SIGINT', 'SIGQUIT'] as const) releases.push(take(name, () => undefined));
  for (const name of ['SIGTERM', 'SIGHUP'] as const) {
    releases.push(
      take(name, () => {
        remove();
        forget();
        raise(name);
      }),
    );
  }
  return forget;
};

const readBack = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new MobiusError('internal', 'the editor left no file behind, so nothing was changed');
  }
};

/**
 * Lets a person edit a text in their own editor until `take` takes what they made of it, or they give up. It lies in a
 * folder of their own in memory, never on a disk, and is gone when this returns, also where the process is interrupted.
 */
export const editText = async <T>(
  text: string,
  editing: Editing,
  take: (edited: string) => Promise<T>,
  again: (error: MobiusError) => Promise<boolean>,
): Promise<T> => {
  const editor = editing.env.VISUAL || editing.env.EDITOR || 'vi';
  const folder = mkdtempSync(join(memoryFolder(editing.env), 'mobius-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const forget = keepTo(editing.signals, remove);
  try {
    const path = join(folder, 'values.yaml');
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    for (;;) {
      const code = await runEditor(editor, path, editing);
      if (code !== 0) throw new MobiusError('internal', `the editor ended with ${code}, so nothing was changed`);
      try {
        return await take(readBack(path));
      } catch (error) {
        if (!(error instanceof MobiusError) || error.code !== 'usage' || !(await again(error))) throw error;
      }
    }
  } finally {
    forget();
    remove();
  }
};
