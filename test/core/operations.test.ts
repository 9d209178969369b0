import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../../src/generated/operations.ts';
import { examples } from './examples.ts';
import { expectRefused, makeVault, outcome, type TestVault } from './world.ts';

let vault: TestVault;
beforeAll(async () => {
  vault = await makeVault();
});
afterAll(() => vault.close());

const audited = (): number => vault.rows<{ n: number }>('select count(*) as n from audit_log')[0]?.n ?? -1;

describe.each(Object.keys(examples) as (keyof typeof examples)[])('%s', (name) => {
  test('does it, answers what its schema says, and a change leaves its one audit row', async () => {
    const input = await examples[name](vault.owner);
    const before = vault.state();
    const rows = audited();
    await vault.owner(name, input);
    if (operations[name].access === 'read') {
      expect(vault.state()).toEqual(before);
    } else {
      expect(audited()).toBe(rows + 1);
      expect(vault.state()).not.toEqual(before);
    }
  });

  test('refuses a field that it does not know', async () => {
    const input = { ...(await examples[name](vault.owner)), owner: 'me' };
    const error = await expectRefused(vault, () => vault.owner(name, input as never), 'invalid_input');
    expect(error.message).toBe('unknown field "owner"');
  });

  test('changes nothing when the call was given up before it began', async () => {
    const input = await examples[name](vault.owner);
    const signal = AbortSignal.abort();
    await expectRefused(vault, () => vault.owner(name, input, { signal }), 'service_unavailable');
  });

  test('refuses a project that is not there', async () => {
    if (operations[name].scope !== 'project') return;
    const input = { ...(await examples[name](vault.owner)), project: 'nowhere' };
    const error = await expectRefused(vault, () => vault.owner(name, input), 'not_found');
    expect(error.message).toBe('no project "nowhere"');
  });

  test('changes nothing in an archived project, and can look at it', async () => {
    if (operations[name].scope !== 'project') return;
    const { handle } = await vault.owner('projects.create', { name: `archived ${name}` });
    await vault.owner('projects.archive', { id: handle });
    const input = { ...(await examples[name](vault.owner)), project: handle };
    if (operations[name].access === 'write') {
      const error = await expectRefused(vault, () => vault.owner(name, input), 'conflict');
      expect(error.details).toEqual({ reason: 'project_archived', name: handle });
      expect(error.hint).toBe(`bring it back: mobius projects restore ${handle}`);
    } else {
      // What the example names stands in the default project.
      expect([undefined, 'not_found']).toContain((await outcome(vault.owner(name, input))).code);
    }
  });
});
