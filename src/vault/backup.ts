import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MobiusError } from '../errors.ts';
import type { Query } from '../store/db.ts';
import { identityOf } from '../store/files.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { openSqlite, type SqliteDb } from '../store/sqlite.ts';
import { codeOf, translate } from '../store/sqlite-faults.ts';
import { type Bookkeeping, checkContents, checkStructure, openForCheck } from './check.ts';
import { attempt } from './check-records.ts';
import { besides, openDraft, realPlace, refuseTaken } from './draft.ts';
import {
  describe,
  dropManifest,
  hasManifest,
  type Manifest,
  type Progress,
  readManifest,
  writeManifest,
} from './manifest.ts';
import { fileOf, type Vault, type World } from './open.ts';
import { type Findings, makeFindings, type Report } from './report.ts';
import type { KeySources } from './unlock.ts';

/** Long work, told step by step. */
export type Steps = (what: string) => Progress;

export interface Backup {
  path: string;
  sizeBytes: number;
  manifest: Manifest;
}

export const sameFile = (one: string, other: string): boolean =>
  existsSync(one) && existsSync(other) && identityOf(one) === identityOf(other);

/** What is replaced must not be a database that is in use: its log would be taken for the new one's. */
const refuseInUse = (vault: string, target: string): void => {
  const own = [vault, ...besides.map((part) => `${realPlace(vault)}${part}`)];
  if (own.some((path) => path === target || sameFile(path, target))) {
    throw new MobiusError('usage', `"${target}" is the vault itself`, {}, 'name another file for the backup');
  }
  const beside = besides.find((part) => existsSync(`${target}${part}`));
  if (beside === undefined) return;
  throw new MobiusError(
    'conflict',
    `"${target}" is a database in use: "${target}${beside}" lies beside it`,
    {},
    'name another file',
  );
};

/**
 * Copies a vault, as it is at one moment and still sealed, into one file that says what it holds; others read and write
 * meanwhile. The file is there whole or not at all.
 */
export const backupVault = async (
  world: World,
  vault: Vault,
  path: string,
  wish: { replace: boolean; steps: Steps; record(tx: Query, changes: Record<string, unknown>): Promise<void> },
): Promise<Backup> => {
  const target = realPlace(path);
  const file = fileOf(vault);
  refuseInUse(file.path, target);
  if (!wish.replace) refuseTaken(target);
  const madeAt = world.now();
  const draft = openDraft(world, target);
  try {
    await file.copyTo(draft.path, wish.steps('copying'));
    const manifest = await addManifest(draft.path, vault, madeAt, wish.steps('reading the copy'));
    // Before it has its name: no backup is to be had that is not in the log.
    const { audit, digest } = manifest;
    await vault.db.tx('write', (tx) => wish.record(tx, { file: target, audit_seq: audit?.seq ?? 0, digest }));
    const { size: sizeBytes } = statSync(draft.path);
    draft.place(wish.replace);
    return { path: target, sizeBytes, manifest };
  } finally {
    draft.discard();
  }
};

const addManifest = async (path: string, vault: Vault, madeAt: number, onProgress: Progress): Promise<Manifest> => {
  const copy = await openSqlite(path, { alone: true });
  try {
    const { sealer, id: vaultId } = vault;
    // A backup that was copied into place by hand still has the one of its time.
    await dropManifest(copy);
    const manifest = await describe(copy, sealer, { vaultId, madeAt }, onProgress);
    await copy.tx('write', (tx) => writeManifest(tx, sealer, manifest));
    return manifest;
  } finally {
    await copy.close();
  }
};

/** A copy of our own, readable by its owner alone: whatever is done with it, the file itself is only ever read. */
export const copyPrivately = async (from: string, to: string): Promise<void> => {
  const found = statSync(from, { throwIfNoEntry: false });
  if (found === undefined) throw new MobiusError('not_found', `there is no file "${from}"`);
  if (!found.isFile()) throw new MobiusError('usage', `"${from}" is no ordinary file`);
  try {
    await pipeline(createReadStream(from), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    throw translate(error, codeOf(error) === 'ENOSPC' ? to : from);
  }
};

export interface Examined {
  report: Report;
  /** Absent where its manifest could not be believed. */
  manifest?: Manifest;
  /** The opened copy, which whoever asked closes; absent where nothing opens it. */
  vault?: Vault;
}

const mend = 'use another backup: this one is not what was made';

/** What the copy holds against what its manifest says. Gives the manifest where it is this vault's own. */
const compare = async (vault: Vault, findings: Findings, onProgress: Progress): Promise<Manifest | undefined> => {
  const { sealer, id: vaultId } = vault;
  const file = fileOf(vault);
  const manifest = await readManifest(file, sealer);
  const problem = (table: string, words: string): void => findings.problem({ table, problem: words, mend });
  if (typeof manifest === 'string') {
    problem('backup_manifest', manifest);
    return undefined;
  }
  const found = await describe(file, sealer, { vaultId, madeAt: manifest.made_at }, onProgress);
  for (const table of new Set([...Object.keys(manifest.tables), ...Object.keys(found.tables)])) {
    const [made, is] = [manifest.tables[table], found.tables[table]];
    if (made !== is) problem(table, `it holds ${is ?? 'no'} rows, and held ${made ?? 'none'} when the backup was made`);
  }
  if (JSON.stringify(found.audit) !== JSON.stringify(manifest.audit)) {
    problem('audit_log', 'it ends elsewhere than when the backup was made');
  }
  if (found.digest !== manifest.digest) {
    problem(
      'backup_manifest',
      'its digest is another: a row, a table or its shape was changed after the backup was made',
    );
  }
  return manifest;
};

/** What keeps a copy of our own closed is what is in it, unless the system says that it is the disk. */
const whyUnreadable = (error: unknown): string => {
  if (!(error instanceof MobiusError)) throw error;
  if (error.code === 'not_initialised') return "it is empty or another program's, and no backup of a vault";
  if (error.code === 'damaged') return error.message;
  const cause = codeOf(error.cause) ?? '';
  if (error.code !== 'internal' || !/^SQLITE_(ERROR|READONLY|CANTOPEN)/.test(cause)) throw error;
  return error.message;
};

/** Looks at every record of a private copy of a backup. `shown` is the name that a person knows it by. */
export const examine = async (
  world: World,
  copy: string,
  shown: string,
  keys: KeySources,
  bookkeeping: Pick<Bookkeeping, 'builtInIds'>,
  steps: Steps,
): Promise<Examined> => {
  const findings = makeFindings();
  let file: SqliteDb;
  try {
    file = await openSqlite(copy, { alone: true });
  } catch (error) {
    findings.problem({ table: 'file', problem: whyUnreadable(error).replaceAll(copy, shown), mend });
    return { report: findings.report() };
  }
  let vault: Vault | undefined;
  let manifest: Manifest | undefined;
  try {
    steps('checking the file')(0, 0);
    await checkStructure(file, findings);
    // Whoever is asked for a passphrase now has the line to themselves.
    steps('')(0, 0);
    vault = await openForCheck(world, { db: file, file }, keys, findings).catch(asBackup);
    await attempt(findings, 'backup_manifest', async () => {
      if (!(await hasManifest(file))) {
        const problem = 'it is missing: this is a copy of a vault, but none that "mobius vault backup" made';
        findings.problem({ table: 'backup_manifest', problem, mend: 'make a backup of it: mobius vault backup' });
      } else if (vault !== undefined) {
        manifest = await compare(vault, findings, steps('reading the backup'));
      }
    });
    if (findings.report().ok)
      await attempt(findings, 'migrations', () => migrate(file, migrations, { now: world.now() }));
    await checkContents(file, vault, bookkeeping, findings, steps('checking'));
    const report = findings.report();
    const problems = report.problems.map((one) => ({
      ...one,
      mend: one.table === 'backup_manifest' ? one.mend : mend,
    }));
    return { report: { ...report, problems }, ...(vault && { vault }), ...(manifest && { manifest }) };
  } catch (error) {
    await vault?.db.close();
    throw error;
  } finally {
    if (vault === undefined) await file.close();
  }
};

/** The key file of today may be another than the one that the vault had when the backup was made. */
const asBackup = (error: unknown): never => {
  if (!(error instanceof MobiusError) || error.code !== 'locked') throw error;
  const message = error.message.replace(/^the vault is/, 'the backup is').replace('this vault', 'this backup');
  const hint = `${error.hint ?? ''}; a backup opens with what opened the vault when it was made`.replace(/^; /, '');
  throw new MobiusError('locked', message, error.details, hint);
};

/** Opens a backup for real and reads everything in it. The file is only read, by nothing but a copy. */
export const verifyBackup = async (
  world: World,
  path: string,
  keys: KeySources,
  bookkeeping: Pick<Bookkeeping, 'builtInIds'>,
  steps: Steps,
): Promise<{ report: Report; manifest?: Manifest }> => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-verify-'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  const forget = world.onInterrupt?.(clean);
  try {
    const copy = join(folder, 'backup.db');
    await copyPrivately(path, copy);
    const { vault, ...examined } = await examine(world, copy, path, keys, bookkeeping, steps);
    await vault?.db.close();
    return examined;
  } finally {
    forget?.();
    clean();
  }
};
