import { placeOf, worldOf } from '../../src/cli/profiles.ts';
import { dialectNames } from '../../src/dialects/names.ts';
import type { Io, Sink } from '../../src/io.ts';
import { type Serving, startServer } from '../../src/server/serve.ts';
import { type Credentials, makeCredentials } from './administrator.ts';
import { uuidOf } from './ids.ts';

/** A process of its own that serves the vaults of scripts, one server for each. It is told what to do by messages. */

interface Site {
  home: string;
  cwd: string;
  env: Record<string, string>;
  now: number;
  /** The address of the vault's database; absent where it is the file that the home has. */
  address?: string | undefined;
  /** It speaks the contracts of other systems too. */
  forOthers?: boolean | undefined;
}

export type Order = { id: number } & (
  | ({ kind: 'prepare' } & Site)
  | ({ kind: 'start' } & Site)
  | { kind: 'clock'; now: number }
  | { kind: 'settle' }
  | { kind: 'stop' }
);

export type Reply = { id: number } & (({ url?: string } & Partial<Credentials>) | { failure: string });

interface Running {
  serving: Serving;
  setClock(now: number): void;
}

const running = new Map<number, Running>();

const silent: Sink = {
  isTTY: false,
  columns: Number.POSITIVE_INFINITY,
  place: undefined,
  write: () => undefined,
  send: async () => undefined,
};

const ioOf = ({ home, cwd, env }: Site, now: () => number, first: number): Io => {
  let ids = first;
  return {
    argv: [],
    env,
    cwd,
    home,
    platform: 'linux',
    execPath: '/nonexistent/node',
    program: [],
    nodeVersion: process.version,
    uid: process.getuid?.(),
    stdin: { isTTY: false, read: async () => new Uint8Array() },
    stdout: silent,
    stderr: silent,
    now,
    newUuid: () => uuidOf(now(), ++ids),
    onInterrupt: () => () => undefined,
    signals: { pid: process.pid, take: () => () => undefined, raise: () => undefined, send: () => false },
    spawn: () => {
      throw new Error('no program is started here');
    },
  };
};

const quietly = { asOwner: false, output: 'json', quiet: false, input: false, color: false, logLevel: 'warn' } as const;

const placeFor = (io: Io, { address }: Site) =>
  placeOf(io, address === undefined ? quietly : { ...quietly, vault: address });

// The vault was made by another process, and had its administrator from here: their ids count too.
const [firstOfAdministrator, firstServed] = [1_000_000, 2_000_000];

const prepare = (site: Site): Promise<Credentials> => {
  const io = ioOf(site, () => site.now, firstOfAdministrator);
  return makeCredentials(worldOf(io), placeFor(io, site), site.forOthers === true);
};

const start = async (order: Extract<Order, { kind: 'start' }>): Promise<{ url: string }> => {
  let now = order.now;
  const io = ioOf(order, () => now, firstServed);
  const at = { world: worldOf(io), place: placeFor(io, order) };
  const serving = await startServer(io, at, {
    listen: { host: '127.0.0.1', port: 0 },
    log: 'error',
    dialects: order.forOthers === true ? dialectNames : [],
  });
  running.set(order.id, {
    serving,
    setClock: (moved) => {
      now = moved;
    },
  });
  return { url: serving.url };
};

const obey = async (order: Order): Promise<object> => {
  if (order.kind === 'prepare') return prepare(order);
  if (order.kind === 'start') return start(order);
  const served = running.get(order.id);
  if (order.kind === 'clock') served?.setClock(order.now);
  else if (order.kind === 'settle') await served?.serving.settle();
  else {
    running.delete(order.id);
    await served?.serving.stop();
  }
  return {};
};

process.on('message', (order: Order) => {
  obey(order).then(
    (done) => process.send?.({ id: order.id, ...done }),
    (error: Error) => process.send?.({ id: order.id, failure: error.stack ?? error.message }),
  );
});
process.on('disconnect', () => process.exit());
