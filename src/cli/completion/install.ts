import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MobiusError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import { type Delivery, openDelivery } from '../deliver.ts';
import { reasonOf } from '../files.ts';
import { placedIn } from './places.ts';
import { hasLines, withLines, withoutLines } from './profile.ts';
import { isOurs, type Shell, scriptOf } from './scripts.ts';

/** One file, as it is and as it is to be; undefined where there is none. */
interface Edit {
  path: string;
  before: string | undefined;
  after: string | undefined;
  change: 'written' | 'removed' | 'lines added' | 'lines removed' | 'as it was';
}

export interface Installed {
  shell: Shell;
  dry_run?: true;
  files: readonly Pick<Edit, 'path' | 'change'>[];
  next: string;
}

const refused = (path: string, why: string, hint: string): MobiusError =>
  new MobiusError('usage', `could not change "${path}": ${why}`, {}, hint);

const textOf = (path: string): string | undefined => {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  } catch (error) {
    throw refused(path, reasonOf(error), 'make it a file that you can read');
  }
};

const printed = (shell: Shell): string => `mend that, or put it elsewhere yourself: mobius completion ${shell}`;

const edit = (path: string, after: (before: string | undefined) => string | undefined, word: Edit['change']): Edit => {
  const before = textOf(path);
  const next = after(before);
  return { path, before, after: next, change: next === before ? 'as it was' : next === undefined ? 'removed' : word };
};

const installing = (io: Io, shell: Shell): Edit[] => {
  const { script, profile } = placedIn(io, shell);
  const ours = edit(script, () => scriptOf(shell), 'written');
  if (ours.before !== undefined && !isOurs(ours.before)) {
    throw refused(script, 'it holds something that mobius did not write', 'move it away, and run this again');
  }
  return profile === undefined
    ? [ours]
    : [ours, edit(profile.path, (before) => withLines(before, profile.lines), 'lines added')];
};

/** Of a file of the shell's own only our lines go, wherever they would be put today. */
const uninstalling = (io: Io, shell: Shell): Edit[] => {
  const { script, profile } = placedIn(io, shell);
  const ours = edit(script, (before) => (before === undefined || isOurs(before) ? undefined : before), 'removed');
  if (profile === undefined) return [ours];
  return [ours, edit(profile.path, (before) => before && withoutLines(before), 'lines removed')];
};

/** Every file is opened before one is changed: what can't be written is found while nothing has been. */
const apply = (io: Io, shell: Shell, edits: readonly Edit[]): void => {
  const open: { delivery: Delivery; text: string }[] = [];
  let path = '';
  try {
    for (const { path: file, before, after, change } of edits) {
      path = file;
      if (change === 'as it was' || after === undefined) continue;
      mkdirSync(dirname(file), { recursive: true });
      const mode = before === undefined ? 0o644 : statSync(file).mode & 0o777;
      open.push({ delivery: openDelivery(io, file, { mode, said: '--install' }), text: after });
    }
    for (const { delivery, text } of open) {
      path = delivery.path;
      delivery.write(text);
    }
    for (const { path: file, after, change } of edits) {
      path = file;
      if (change !== 'as it was' && after === undefined) rmSync(realpathSync(file));
    }
  } catch (error) {
    const why = error instanceof MobiusError ? error.message.replace(/^.*?": /, '') : reasonOf(error);
    throw refused(path, why, printed(shell));
  } finally {
    for (const { delivery } of open) delivery.discard();
  }
};

/** Puts the script where the shell looks, or takes back what that was; says what was done to which file. */
export const setCompletion = (
  io: Io,
  shell: Shell,
  { remove, dryRun }: { remove: boolean; dryRun: boolean },
): Installed => {
  const edits = remove ? uninstalling(io, shell) : installing(io, shell);
  if (!dryRun) apply(io, shell, edits);
  const { next } = placedIn(io, shell);
  return {
    shell,
    ...(dryRun ? { dry_run: true } : {}),
    files: edits.map(({ path, change }) => ({ path, change })),
    next: remove ? 'nothing: shells that are opened from now on complete no mobius' : next,
  };
};

/** Whether this version's script is what the shell has. */
export const lookAtCompletion = (io: Io, shell: Shell): { state: 'current' | 'other' | 'none'; path: string } => {
  const { script, profile } = placedIn(io, shell);
  const text = textOf(script);
  const isNamed = profile === undefined || hasLines(textOf(profile.path));
  if (text === undefined || !isOurs(text) || !isNamed) {
    // Who has it printed at every start has this version's.
    const own = profile && textOf(profile.path);
    const isPrinted = own !== undefined && /^[^#\n]*\bmobius completion\b/m.test(own);
    return isPrinted ? { state: 'current', path: profile?.path ?? script } : { state: 'none', path: script };
  }
  return { state: text === scriptOf(shell) ? 'current' : 'other', path: script };
};
