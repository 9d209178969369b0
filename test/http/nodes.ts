import { expect } from 'vitest';
import type { Machine } from '../process/machine.ts';
import { type Served, serve } from './served.ts';
import { ask, sending } from './world.ts';

/** What tests of several servers over one database have in common. */

export const project = '/v1/projects/default';

export const nodeOf = (machine: Machine, database?: string): Promise<Served> =>
  serve(
    machine,
    '--listen',
    '127.0.0.1:0',
    '--log',
    'info',
    ...(database === undefined ? [] : ['--database', database]),
  );

/** Asks again and again, as many do at once, until it is told to end; what a caller may be answered is theirs to say. */
export const load = (count: number, work: (n: number) => Promise<void>): (() => Promise<void>) => {
  let going = true;
  const workers = Array.from({ length: count }, async (_, n) => {
    while (going) await work(n);
  });
  const all = Promise.all(workers);
  // Whoever ends it is told; that is not before they do.
  all.catch(() => undefined);
  return async () => {
    going = false;
    await all;
  };
};

export interface Made {
  id: string;
  key: string;
}

export const makeKey = async (node: Served, key: string, name: string): Promise<Made> => {
  const { status, body } = await ask(node, 'POST', `${project}/api-keys`, sending({ name, principal_id: 'ci' }, key));
  expect(status).toBe(201);
  return body as Made;
};
