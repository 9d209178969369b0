import { type ChildProcess, fork } from 'node:child_process';
import type { Credentials } from './administrator.ts';
import type { Order, Reply } from './server.ts';
import type { World } from './world.ts';

type Waiting = Map<number, (reply: Reply) => void>;

let child: { process: ChildProcess; waiting: Waiting } | undefined;
let count = 0;

/** One process serves the vaults of all scripts of a test file, and ends with it. */
const serverProcess = (): NonNullable<typeof child> => {
  if (child !== undefined) return child;
  const started = fork('test/scripts/server.ts', {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting: Waiting = new Map();
  started.on('message', (reply: Reply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  started.on('exit', (code) => {
    child = undefined;
    for (const [id, answer] of waiting) answer({ id, failure: `the server ended with ${code}` });
  });
  process.on('exit', () => started.kill());
  started.unref();
  started.channel?.unref();
  child = { process: started, waiting };
  return child;
};

const order = async (what: Order): Promise<{ url?: string } & Partial<Credentials>> => {
  const { process: to, waiting } = serverProcess();
  const reply = await new Promise<Reply>((answered) => {
    waiting.set(what.id, answered);
    to.send(what);
  });
  if ('failure' in reply) throw new Error(reply.failure);
  return reply;
};

export interface Where {
  /** Of the vault's database, where it is in no file of the home. */
  address?: string | undefined;
  /** The contracts of other systems are spoken too. */
  forOthers?: boolean | undefined;
}

/** Gives the vault of this world an administrator, and what they and others show. */
export const prepare = async ({ home, cwd, env, now }: World, where: Where): Promise<Credentials> => {
  const { token = '', ...others } = await order({ kind: 'prepare', id: ++count, home, cwd, env, now: now(), ...where });
  return { ...others, token };
};

export interface Served {
  url: string;
  stop(): Promise<void>;
}

/** Serves the vault of this world, whose clock is the server's too. */
export const serve = async ({ home, cwd, env, now, onTick, afterEach }: World, where: Where): Promise<Served> => {
  const id = ++count;
  const { url = '' } = await order({ kind: 'start', id, home, cwd, env, now: now(), ...where });
  onTick(async (moved) => void (await order({ kind: 'clock', id, now: moved })));
  afterEach(async () => void (await order({ kind: 'settle', id })));
  return { url, stop: async () => void (await order({ kind: 'stop', id })) };
};
