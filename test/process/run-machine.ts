import { type Machine, newMachine } from './machine.ts';

/** What stands behind every reference here. */
export const fakeValue = 'plainly-a-fake-value';

/** A machine with a vault that holds the secret "a", whose keys "b" and "api.key" are that value. */
export const newRunMachine = async (): Promise<Machine> => {
  const machine = newMachine();
  await machine.json('vault', 'init');
  await machine.json('secrets', 'create', 'a', '--set', `b=${fakeValue}`, '--set', `api.key=${fakeValue}`);
  return machine;
};
