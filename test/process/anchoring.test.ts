import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuditAnchor } from '../../src/generated/types.ts';
import { serve } from '../http/served.ts';
import { type Ended, type Machine, newMachine } from './machine.ts';

/** The end of the audit log, kept in a file besides the vault by the built program. */

let template: Machine;
let machine: Machine;
let file: string;
beforeAll(async () => {
  template = newMachine();
  await template.json('vault', 'init');
});
afterAll(() => template.remove());
beforeEach(() => {
  machine = newMachine();
  file = join(machine.work, 'anchors.jsonl');
  execFileSync('cp', ['-a', `${template.home}/.`, machine.home]);
});
afterEach(() => machine.remove());

type Env = Record<string, string>;
const keeping = (more: Env = {}): Env => ({ MOBIUS_AUDIT_ANCHOR: file, MOBIUS_AUDIT_ANCHOR_EVERY: '3', ...more });
const required = (more: Env = {}): Env => keeping({ MOBIUS_AUDIT_ANCHOR_POLICY: 'required', ...more });
const change = (n: number, env: Env): Promise<Ended> =>
  machine.mobius(['projects', 'update', 'default', '--name', `name ${n}`, '-o', 'text'], { env });
const nameNow = async (): Promise<string> =>
  (await machine.json('projects', 'get', 'default', '-o', 'json')).name as string;
const anchors = (path = file): AuditAnchor[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditAnchor);
const numbers = (path = file): number[] => anchors(path).map(({ seq }) => seq);
const lastSeq = async (): Promise<number> =>
  ((await machine.json('audit-logs', 'verify', '-o', 'json')) as unknown as { last_seq: number }).last_seq;

const verified = (): Promise<Ended> => machine.mobius(['audit-logs', 'verify', '--anchor', file]);

test('one is kept at first and after every so many entries, and all stand in the log', async () => {
  const first = await machine.mobius(['audit-logs', 'verify', '-o', 'json']);
  const began = (JSON.parse(first.stdout) as { last_seq: number }).last_seq;
  for (let n = 0; n < 7; n++) expect(await change(n, keeping())).toMatchObject({ code: 0, stderr: '' });
  const kept = numbers();
  expect(kept.length).toBeGreaterThan(2);
  expect(kept[0]).toBeLessThanOrEqual(began + 1);
  for (const [at, seq] of kept.slice(1).entries()) expect(seq - (kept[at] ?? 0)).toBe(3);
  expect(began + 7 - (kept.at(-1) ?? 0)).toBeLessThan(3);
  expect(await verified()).toMatchObject({ code: 0 });
});

test('config.toml says it too, beside itself; variables come before it, and flags before them', async () => {
  const folder = join(machine.home, '.config', 'mobius');
  writeFileSync(
    join(folder, 'config.toml'),
    '[audit]\nanchor = "kept.jsonl"\nanchor_every = 1\nanchor_policy = "required"\n',
  );
  expect(await change(1, {})).toMatchObject({ code: 0, stderr: '' });
  expect(numbers(join(folder, 'kept.jsonl')).length).toBeGreaterThan(0);
  const before = numbers(join(folder, 'kept.jsonl'));
  expect(await change(2, keeping())).toMatchObject({ code: 0, stderr: '' });
  expect(numbers(join(folder, 'kept.jsonl'))).toEqual(before);
  expect(numbers()).toHaveLength(1);
});

test('one that is set up wrongly is said, and nothing is done', async () => {
  const name = await nameNow();
  for (const [env, said] of [
    [{ MOBIUS_AUDIT_ANCHOR_EVERY: '3' }, 'MOBIUS_AUDIT_ANCHOR_EVERY says nothing without MOBIUS_AUDIT_ANCHOR'],
    [keeping({ MOBIUS_AUDIT_ANCHOR_EVERY: '0' }), 'must be a number of entries, not "0"'],
    [keeping({ MOBIUS_AUDIT_ANCHOR_POLICY: 'maybe' }), 'must be required or best-effort, not "maybe"'],
  ] as const) {
    const { code, stderr } = await change(9, env);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(said) });
  }
  expect(await nameNow()).toBe(name);
});

/** Each makes a file that can't be written, and gives what undoes it. */
const spoilt: Readonly<Record<string, () => string>> = {
  'a folder in its place': () => {
    mkdirSync(file);
    return file;
  },
  'a pipe that nobody reads': () => {
    execFileSync('mkfifo', [file]);
    return file;
  },
  'a path below a file': () => {
    writeFileSync(join(machine.work, 'plain'), '');
    return join(machine.work, 'plain', 'anchors.jsonl');
  },
  'a folder that is not there': () => join(machine.work, 'nowhere', 'anchors.jsonl'),
  '/dev/full': () => '/dev/full',
  'a link to /dev/full': () => {
    symlinkSync('/dev/full', file);
    return file;
  },
};

describe.each(Object.entries(spoilt))('with %s', (_, spoil) => {
  test('required: no change is made, one line says why, reads go on, and it goes on by itself', async () => {
    const path = spoil();
    const env = required({ MOBIUS_AUDIT_ANCHOR: path });
    const [name, seq] = [await nameNow(), await lastSeq()];
    for (const args of [
      ['projects', 'update', 'default', '--name', 'never'],
      ['principals', 'create', 'never', '--role', 'Viewer', '--with-key', '--out', 'never.key'],
      ['projects', 'create', 'never'],
    ]) {
      const { code, stdout, stderr } = await machine.mobius([...args, '-o', 'text'], { env });
      expect({ args, code, stdout }).toEqual({ args, code: 7, stdout: '' });
      const [error, hint, ...rest] = stderr.trimEnd().split('\n');
      expect(error).toContain("nothing is changed while the end of the audit log can't be kept elsewhere");
      expect(error).toContain(path);
      expect(hint).toMatch(/^mobius: hint: /);
      expect(rest).toEqual([]);
    }
    expect(await machine.mobius(['principals', 'list', '-o', 'json'], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(machine.work, 'never.key'))).toBe(false);
    expect([await nameNow(), await lastSeq()]).toEqual([name, seq]);
    expect(JSON.parse((await machine.mobius(['principals', 'list', '-o', 'json'])).stdout).items).toEqual([]);

    if (path === '/dev/full') return;
    rmSync(join(machine.work, 'plain'), { force: true });
    rmSync(path, { force: true, recursive: true });
    mkdirSync(join(path, '..'), { recursive: true });
    expect(await change(1, env)).toMatchObject({ code: 0, stderr: '' });
    expect(numbers(path)).not.toEqual([]);
  });

  test('best effort: the change stands, one warning is given and no entry is lost', async () => {
    const path = spoil();
    const seq = await lastSeq();
    for (const n of [1, 2]) {
      const { code, stderr } = await change(n, keeping({ MOBIUS_AUDIT_ANCHOR: path }));
      expect({ code, lines: stderr.trimEnd().split('\n') }).toEqual({
        code: 0,
        lines: [expect.stringMatching(/^mobius: warning: the end of the audit log is not kept elsewhere: .*"/)],
      });
    }
    expect(await nameNow()).toBe('name 2');
    expect(await lastSeq()).toBe(seq + 2);
  });
});

test('a line that was torn stays by itself, and the next anchor stands behind it', async () => {
  await change(1, required({ MOBIUS_AUDIT_ANCHOR_EVERY: '1' }));
  const line = readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  appendFileSync(file, line.slice(0, line.length / 2));
  expect(await verified()).toMatchObject({ code: 0 });
  expect(await change(2, required({ MOBIUS_AUDIT_ANCHOR_EVERY: '1' }))).toMatchObject({ code: 0, stderr: '' });
  const last = JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '') as AuditAnchor;
  expect(last.seq).toBe(await lastSeq());
  const { code, stdout, stderr } = await verified();
  expect({ code, ok: JSON.parse(stdout).ok }).toEqual({ code: 0, ok: true });
  expect(stderr).toMatch(/^mobius: warning: line \d+ of --anchor ".*" holds no whole anchor, and is passed over\n$/);
});

test('an anchor that was printed counts as one in a file does', async () => {
  const printed = join(machine.work, 'printed.json');
  const { stdout } = await machine.mobius(['audit-logs', 'anchor', '-o', 'json']);
  expect(stdout.split('\n').length).toBeGreaterThan(2);
  writeFileSync(printed, stdout);
  const held = await machine.mobius(['audit-logs', 'verify', '--anchor', printed, '-o', 'json']);
  expect({ code: held.code, anchors: JSON.parse(held.stdout).anchors }).toEqual({ code: 0, anchors: 1 });
});

test('two vaults may share one file', async () => {
  const other = { MOBIUS_VAULT: join(machine.work, 'other.db') };
  expect(await machine.mobius(['vault', 'init'], { env: other })).toMatchObject({ code: 0 });
  for (let n = 0; n < 4; n++) {
    expect(await change(n, required())).toMatchObject({ code: 0, stderr: '' });
    expect(await change(n, required(other))).toMatchObject({ code: 0, stderr: '' });
  }
  const vaults = [...new Set(anchors().map(({ vault_id }) => vault_id))];
  expect(vaults).toHaveLength(2);
  for (const vault of vaults) {
    const kept = anchors()
      .filter(({ vault_id }) => vault_id === vault)
      .map(({ seq }) => seq);
    expect(kept.length).toBeGreaterThan(1);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  }
});

test('of many processes at once no anchor is torn and no entry is lost', async () => {
  const before = await lastSeq();
  const all = await Promise.all(
    Array.from({ length: 8 }, (_, n) => change(n, required({ MOBIUS_AUDIT_ANCHOR_EVERY: '1' }))),
  );
  expect(all.map(({ code, stderr }) => ({ code, stderr }))).toEqual(all.map(() => ({ code: 0, stderr: '' })));
  expect(await lastSeq()).toBe(before + 8);
  expect(new Set(numbers()).size).toBeGreaterThan(4);
  expect(await verified()).toMatchObject({ code: 0 });
});

test('an anchor beyond the end of the log stops every change, or is told with each', async () => {
  const older = join(machine.work, 'older.db');
  const path = machine.vault;
  copyFileSync(path, older);
  for (let n = 0; n < 3; n++) await change(n, required({ MOBIUS_AUDIT_ANCHOR_EVERY: '1' }));
  const kept = readFileSync(file, 'utf8');
  for (const part of ['-wal', '-shm']) rmSync(`${path}${part}`, { force: true });
  copyFileSync(older, path);
  const { code, stderr } = await change(7, required());
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/holds the anchor of entry \d+, and the audit log ends with \d+/),
  });
  expect(await nameNow()).not.toBe('name 7');
  const best = await change(8, keeping());
  expect(best.code).toBe(0);
  expect(best.stderr).toMatch(/^mobius: warning: .*holds the anchor of entry \d+.*\n$/);
  expect(readFileSync(file, 'utf8')).toBe(kept);
  expect(await verified()).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('an older copy of the vault took its place'),
  });
});

test('the agent keeps them too, as it was unlocked', async () => {
  const env = required({ MOBIUS_AUDIT_ANCHOR_EVERY: '1' });
  const { code, stdout, stderr } = await machine.mobius(['vault', 'unlock', '-o', 'json'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { agent } = JSON.parse(stdout) as { agent: { pid: number } };
  try {
    // The command's own variables say nothing to the agent.
    expect(await change(1, {})).toMatchObject({ code: 0, stderr: '' });
    const kept = numbers();
    expect(kept).not.toEqual([]);
    rmSync(file);
    mkdirSync(file);
    const refused = await change(2, {});
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 7,
      stderr: expect.stringContaining("nothing is changed while the end of the audit log can't be kept elsewhere"),
    });
    rmSync(file, { recursive: true });
    expect(await change(3, {})).toMatchObject({ code: 0, stderr: '' });
    expect(numbers()).not.toEqual([]);
    expect(await nameNow()).toBe('name 3');
  } finally {
    process.kill(agent.pid, 'SIGTERM');
  }
});

test('a server keeps one after every so many entries, required or not, and answers 503 while it can not', async () => {
  await machine.json('principals', 'create', 'admin', '--role', 'Admin', '--with-key', '--out', 'admin.key');
  const key = readFileSync(join(machine.work, 'admin.key'), 'utf8').trim();
  const flags = ['--audit-anchor', 'anchors.jsonl', '--audit-anchor-every', '2', '--audit-anchor-policy', 'required'];
  const { url, kill, ended } = await serve(machine, '--listen', '127.0.0.1:0', ...flags);
  const ask = (path: string, body?: object) =>
    fetch(`${url}/v1/projects/default/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  for (let n = 0; n < 6; n++)
    expect((await ask('roles', { name: `role ${n}`, permissions: ['mobius.project.view'] })).status).toBe(201);
  const kept = numbers();
  expect(kept.length).toBeGreaterThan(2);
  for (const [at, seq] of kept.slice(1).entries()) expect(seq - (kept[at] ?? 0)).toBe(2);

  rmSync(file);
  mkdirSync(file);
  const codes = [];
  for (let n = 0; n < 4; n++)
    codes.push((await ask('roles', { name: `other ${n}`, permissions: ['mobius.project.view'] })).status);
  expect(codes.slice(2)).toEqual([503, 503]);
  expect((await ask('roles')).status).toBe(200);
  rmSync(file, { recursive: true });
  expect((await ask('roles', { name: 'at last', permissions: ['mobius.project.view'] })).status).toBe(201);
  expect(numbers()).not.toEqual([]);
  kill('SIGTERM');
  expect((await ended).code).toBe(0);
});

test('a server that is told so wrongly does not start', async () => {
  const { code, stderr } = await machine.mobius(['serve', '--audit-anchor-every', '2', '-o', 'text']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('--audit-anchor-every says nothing without --audit-anchor'),
  });
});

test('the key that checks anchors stays through a re-key, a backup that is restored, and a move', async () => {
  const anchor = async (env: Env = {}) => {
    const { stdout } = await machine.mobius(['audit-logs', 'anchor', '--append', file, '-o', 'json'], { env });
    return JSON.parse(stdout) as AuditAnchor;
  };
  const done = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await machine.mobius([...args, '-o', 'text']);
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
  };
  const first = await anchor();
  await done('vault', 'rekey', '--yes');
  const keys = [(await anchor()).public_key];
  await done('vault', 'backup', 'kept.backup');
  await done('projects', 'update', 'default', '--name', 'Another');
  await done('vault', 'restore', 'kept.backup', '--replace');
  keys.push((await anchor()).public_key);
  const moved = join(machine.work, 'moved.db');
  await done('vault', 'move', '--to', moved, '--yes');
  keys.push((await anchor({ MOBIUS_VAULT: moved })).public_key);
  expect(keys).toEqual([first.public_key, first.public_key, first.public_key]);
  const { code, stdout } = await machine.mobius(['audit-logs', 'verify', '--anchor', file], {
    env: { MOBIUS_VAULT: moved },
  });
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, ok: true, anchors: 4 });
});
