import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLocal, openLocal } from '../../src/calls/local.ts';
import { systemRoles } from '../../src/core/role-book.ts';
import type { Call } from '../../src/operations.ts';
import { uuidSource } from '../../src/uuid.ts';
import { checkVault } from '../../src/vault/check.ts';
import type { Place, World } from '../../src/vault/open.ts';
import { caches } from '../caches.ts';

export const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};

/** A folder with a vault, its configuration and what a command may write. */
export interface Site {
  root: string;
  place: Place;
}

const siteAt = (root: string): Site => ({
  root,
  place: {
    path: join(root, 'data', 'vault.db'),
    keys: { defaultKeyFile: (id) => join(root, 'config', 'keys', `${id}.key`) },
  },
});

export const passphrase = 'plainly a fake passphrase of a test';

/** A small vault with something of everything, to be copied for every kill. */
export const makeSite = async (root: string): Promise<Site> => {
  const site = siteAt(root);
  mkdirSync(join(root, 'data'), { recursive: true, mode: 0o700 });
  await createLocal(world, site.place);
  const { call, close } = await openLocal(world, site.place, { kind: 'owner' });
  try {
    await call('roles.create', { name: 'own', permissions: ['mobius.work.execute'], tags: { a: 'b' } });
    for (const name of ['one', 'two', 'three']) {
      await call('principals.create', { name, role_ids: ['Worker', 'own'], tags: { t: name }, with_key: { name } });
    }
    await call('principals.create', { name: 'idle' });
    await call('secrets.create', { name: 'openai', values: { key: 'fake-1' }, tags: { t: 's' } });
    await call('secrets.update', { secret: 'openai', values: { key: 'fake-2' } });
    await call('projects.create', { name: 'Old', handle: 'old' });
    await call('projects.archive', { id: 'old' });
  } finally {
    await close();
  }
  return site;
};

export const copySite = (from: Site | undefined, root: string): Site => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  if (from !== undefined) cpSync(from.root, root, { recursive: true });
  return siteAt(root);
};

const library = join(mkdtempSync(join(tmpdir(), 'mobius-fault-')), 'kill.so');

/** Undefined where this machine can't make or preload it. */
export const killer = ((): string | undefined => {
  if (process.platform !== 'linux') return undefined;
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, resolve('test/faults/kill.c'), '-ldl']);
    return library;
  } catch {
    return undefined;
  }
})();

export interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
  killed: boolean;
}

/** Runs the built program in a site; with `at`, it is killed at its `at`th change of a file there. */
export const run = (
  site: Site,
  argv: readonly string[],
  fault: { at?: number; torn?: boolean; trace?: string; copies?: string; input?: string } = {},
): Promise<Ended> =>
  new Promise((done, fail) => {
    const child = spawn(process.execPath, [resolve('bin/mobius.js'), ...argv], {
      cwd: site.root,
      env: {
        PATH: process.env.PATH,
        HOME: site.root,
        XDG_CACHE_HOME: caches,
        MOBIUS_VAULT: site.place.path,
        MOBIUS_CONFIG_DIR: join(site.root, 'config'),
        ...(killer === undefined ? {} : { LD_PRELOAD: killer, FAULT_DIR: site.root }),
        ...(fault.at === undefined ? {} : { FAULT_AT: String(fault.at) }),
        ...(fault.torn ? { FAULT_TORN: '1' } : {}),
        ...(fault.trace === undefined ? {} : { FAULT_TRACE: fault.trace }),
        ...(fault.copies === undefined ? {} : { FAULT_COPIES: fault.copies }),
      },
    });
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.on('data', (part) => out.push(String(part)));
    child.stderr.on('data', (part) => err.push(String(part)));
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({ stdout: out.join(''), stderr: err.join(''), code, killed: signal === 'SIGKILL' }),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(fault.input ?? '');
  });

/** A change that a command makes: what is done to which file, and the site as a kill at that moment would leave it. */
export interface Change {
  what: string;
  left: Site;
}

/** The changes that a command makes when nothing stops it, in their order. */
export const changesOf = async (site: Site, argv: readonly string[], input?: string): Promise<Change[]> => {
  const [trace, copies] = [`${site.root}.trace`, `${site.root}.copies`];
  for (const old of [trace, copies]) rmSync(old, { recursive: true, force: true });
  mkdirSync(copies);
  const { code, stderr } = await run(site, argv, { trace, copies, ...(input === undefined ? {} : { input }) });
  if (code !== 0) throw new Error(`mobius ${argv.join(' ')} ended with ${code}: ${stderr}`);
  return linesOf(trace).map((what, i) => ({ what, left: siteAt(join(copies, String(i + 1))) }));
};

/**
 * What a kill leaves behind is looked at for every change. Killed for real, and run again, a command is on a person's
 * machine at every seventh; where everything must hold, at the first moment of each kind, which is the change with the one
 * before it and the one after it, so that of a row of pages it is the ends, and at every fortieth besides.
 */
const isDue = (_: Change, i: number, changes: readonly Change[]): boolean => {
  if (!process.env.CI) return i % 7 === 0;
  const alike = changes
    .slice(0, i)
    .filter((_, at) => [-1, 0, 1].every((step) => changes[at + step]?.what === changes[i + step]?.what));
  return alike.length === 0 || i % 40 === 0;
};

export interface Kill {
  /** The number of the change. */
  at: number;
  /** Half of what is written at that moment comes through. */
  torn: boolean;
}

/** Where a command is killed for real, half of the times in the middle of a write. */
export const killsFor = (changes: readonly Change[]): Kill[] =>
  changes
    .flatMap((change, i) => (isDue(change, i, changes) ? [i + 1] : []))
    .map((at, n) => ({ at, torn: n % 2 === 0 }));

export const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

/** The vault opens, and nothing in it is wrong. */
export const problemsOf = async ({ place }: Site): Promise<readonly string[]> => {
  const builtInIds = new Set(systemRoles.map(({ id }) => id));
  const report = await checkVault(world, place, { builtInIds }, () => undefined);
  return report.problems.map(({ table, id, problem }) => `${table} ${id ?? ''}: ${problem}`);
};

export const asOwner = async <T>({ place }: Site, work: (call: Call) => Promise<T>): Promise<T> => {
  const { call, close } = await openLocal(world, place, { kind: 'owner' });
  try {
    return await work(call);
  } finally {
    await close();
  }
};

export const hasVault = ({ place }: Site): boolean => existsSync(place.path);

/** Everything below a folder, by its path there. */
export const filesOf = ({ root }: Site): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
