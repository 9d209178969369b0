import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Machine, newMachine } from './machine.ts';

/** Fifty processes at once on one vault, as a deployment that makes a key a machine starts them. */

const fifty = Array.from({ length: 50 }, (_, at) => at);
/** All of them wait for one another's turn; this is for a slow machine with two cores. */
const enoughMs = 120_000;

let machine: Machine;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  await machine.json('principals', 'create', 'worker', '--role', 'Worker');
});
afterAll(() => machine.remove());

const create = (name: string) => machine.mobius(['api-keys', 'create', name, '--principal-id', 'worker']);

const names = async (): Promise<string[]> => {
  const { items } = await machine.json<{ items: { name: string }[] }>('api-keys', 'list', '--limit', '200');
  return items.map(({ name }) => name).sort();
};

test(
  'fifty keys: none is refused, none is lost, none is made twice',
  async () => {
    const ended = await Promise.all(fifty.map((at) => create(`machine-${at}`)));
    expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
    const made = ended.map(({ stdout }) => JSON.parse(stdout) as { id: string; name: string; key: string });
    expect(new Set(made.map(({ key }) => key)).size).toBe(50);
    expect(new Set(made.map(({ id }) => id)).size).toBe(50);
    expect(await names()).toEqual(fifty.map((at) => `machine-${at}`).sort());
    const [first, last] = [made[0]?.key ?? '', made[49]?.key ?? ''];
    for (const key of [first, last]) {
      expect((await machine.mobius(['whoami'], { env: { MOBIUS_API_KEY: key } })).code).toBe(0);
    }
  },
  enoughMs,
);

test(
  'one name fifty times: one has it, forty-nine are told',
  async () => {
    const ended = await Promise.all(fifty.map(() => create('wanted')));
    const codes = ended.map(({ code }) => code).sort();
    expect(codes).toEqual([0, ...Array.from({ length: 49 }, () => 6)]);
    const told = ended.flatMap(({ code, stderr }) => (code === 6 ? [JSON.parse(stderr).error.code] : []));
    expect(new Set(told)).toEqual(new Set(['already_exists']));
    expect((await names()).filter((name) => name === 'wanted')).toHaveLength(1);
  },
  enoughMs,
);
