import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, type Machine, newMachine } from './machine.ts';

/** The agent of a vault, and where the end of the audit log is kept by those who go through it. */

let machine: Machine;
let names = 0;
beforeEach(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
});
afterEach(async () => {
  await machine.mobius(['vault', 'lock']);
  machine.remove();
});

type Words = Record<string, string>;
const words = (file: string, policy = 'best-effort'): Words => ({
  MOBIUS_AUDIT_ANCHOR: file,
  MOBIUS_AUDIT_ANCHOR_EVERY: '1',
  MOBIUS_AUDIT_ANCHOR_POLICY: policy,
});
const unlock = (env: Words = {}): Promise<Ended> => machine.mobius(['vault', 'unlock', '-q'], { env });
const change = (env: Words = {}): Promise<Ended> => {
  names += 1;
  return machine.mobius(['principals', 'create', '--name', `p${names}`, '-q'], { env });
};

test('a place that the agent was not told of is refused where it is required, and else told', async () => {
  const file = join(machine.work, 'anchors.jsonl');
  await unlock();
  const required = await change(words(file, 'required'));
  expect(required).toMatchObject({ code: 6, stdout: '' });
  expect(required.stderr).toContain('keeps the end of the audit log nowhere else');
  const told = await change(words(file));
  expect(told).toMatchObject({ code: 0, stderr: expect.stringContaining('mobius: warning: ') });
  expect(await change()).toMatchObject({ code: 0, stderr: '' });
  expect(existsSync(file)).toBe(false);
});

test('a place relative to where the agent was started is kept there', async () => {
  await unlock(words('anchors.jsonl', 'required'));
  expect(await change(words('anchors.jsonl', 'required'))).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(machine.work, 'anchors.jsonl'), 'utf8')).toContain('"seq":2');
});

test('what is wrong with the place is told by the command that made a change', async () => {
  const gone = words(join(machine.work, 'gone', 'anchors.jsonl'));
  await unlock(gone);
  const { code, stderr } = await change(gone);
  expect(code).toBe(0);
  expect(stderr).toContain('mobius: warning: the end of the audit log is not kept elsewhere');
});
