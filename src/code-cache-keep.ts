import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Caches, isOwnFolder, lineLength, type System } from './code-cache.ts';

const keptMs = 30 * 24 * 3_600_000;

/** What other versions left, and processes that were killed. One that is still in use is soon written anew. */
const removeOld = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - lstatSync(path).mtimeMs > keptMs) rmSync(path, { force: true });
  }
};

/** Written beside it, then put in its place: two that write at once leave the one or the other, whole. */
const replace = (path: string, bytes: Buffer, { pid }: System): void => {
  const temporary = `${path}.${pid}`;
  rmSync(temporary, { force: true });
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
};

/** Never fails: whatever is in the way, there is no cache then. */
export const keep = (system: System, { base, folder }: Caches, path: string, data: Buffer, done: string): void => {
  try {
    if (done.length > lineLength) return;
    // A root that kept a user's HOME would make a folder there that the user could not use.
    const nearest = statSync([base, dirname(base)].find((one) => existsSync(one)) ?? '');
    if (system.getuid !== undefined && nearest.uid !== system.getuid()) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOwnFolder(system, folder)) return;
    removeOld(folder);
    const line = Buffer.from(done.padEnd(lineLength));
    replace(path, Buffer.concat([data, line, data, line]), system);
  } catch {}
};
