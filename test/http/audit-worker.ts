import { openLocal } from '../../src/calls/local.ts';
import { requestOf } from '../../src/calls/remote.ts';
import { connectionTo } from '../../src/calls/wire.ts';
import { MobiusError } from '../../src/errors.ts';
import { operations } from '../../src/generated/operations.ts';
import type { Input, Name, Output } from '../../src/operations.ts';
import { world } from '../faults/world.ts';

/**
 * One of many processes that change one vault at once; the test bundles this file and starts it. It does the same row of
 * changes again and again, each time on things with names of their own, and tells what it did: each action once for each
 * name. It works on the file, or through the servers that it is told.
 */

export interface Task {
  number: number;
  rounds: number;
  /** Of somebody who may only look; their changes are refused. */
  viewer: string;
  /** A person who signs in once. */
  person?: { email: string; password: string };
  file?: { path: string; keyFile: string };
  servers?: { urls: readonly string[]; key: string };
}

export interface Told {
  action: Name;
  /** The name of what it was done to. */
  about: string;
  id?: string;
}

export interface Report {
  /** What was answered as done. */
  done: Told[];
  /** What was asked for and got no answer. */
  lost: Told[];
  /** How often it was refused by each server, or in the file. */
  refused: Record<string, number>;
}

/** Neither a yes nor a no. */
class Lost extends Error {}

type Ask = <K extends Name>(name: K, input: Input<K>, repeats: boolean) => Promise<Output<K>>;

interface Place {
  ask: Ask;
  /** Asks for what is to be refused; gives who did. */
  beRefused: (input: Input<'api-keys.create'>) => Promise<string>;
  close(): Promise<unknown>;
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const report: Report = { done: [], lost: [], refused: {} };

const requireDenied = (error: unknown): void => {
  if (!(error instanceof MobiusError) || error.code !== 'permission_denied') throw error;
};

const inFile = async ({ path, keyFile }: NonNullable<Task['file']>): Promise<Place> => {
  const place = { path, keys: { keyFile, defaultKeyFile: () => keyFile } };
  const owner = await openLocal(world, place, { kind: 'owner' });
  const viewer = await openLocal(world, place, { kind: 'bearer', text: task.viewer });
  return {
    ask: (name, input) => owner.call(name, input),
    async beRefused(input) {
      await viewer
        .call('api-keys.create', input)
        .then(() => Promise.reject(new Error('it was let through')), requireDenied);
      return 'file';
    },
    close: () => Promise.all([owner.close(), viewer.close()]),
  };
};

const pauseMs = 50;
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, pauseMs));

/**
 * Some processes insist: they ask another server the same, by the same Idempotency-Key, until they are answered; and now
 * and then they ask it as if an answer had been lost.
 */
const throughServers = ({ urls, key }: NonNullable<Task['servers']>): Place => {
  const insists = task.number % 4 >= 2;
  const connections = urls.map((url) => connectionTo({ url, env: {} }));
  let turn = task.number;
  let asked = 0;

  const send = async <K extends Name>(name: K, input: Input<K>, credential: string, idempotencyKey: string) => {
    const { headers, ...request } = requestOf(name, operations[name], input as Record<string, unknown>);
    const connection = connections[turn % urls.length];
    const more = { Authorization: `Bearer ${credential}`, 'Idempotency-Key': idempotencyKey };
    const answer = await connection?.send({ ...request, headers: { ...headers, ...more } }).catch(() => undefined);
    if (answer !== undefined && answer.status !== 503) return answer;
    turn++;
    await pause();
    throw new Lost();
  };

  const insist = async <T>(attempt: () => Promise<T>, repeats: boolean): Promise<T> => {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof Lost) || !repeats) throw error;
      }
    }
  };

  return {
    async ask(name, input, repeats) {
      const idempotencyKey = `fake-key-${task.number}-${asked++}`;
      const once = () => insist(() => send(name, input, key, idempotencyKey), repeats && insists);
      const { status, text } = await once();
      if (status >= 300) throw new Error(`${name}: ${status} ${text}`);
      if (repeats && insists && asked % 7 === 0) {
        turn++;
        const again = await once();
        if (again.status !== status || again.text !== text) throw new Error(`${name}: ${text}, then ${again.text}`);
      }
      return (text === '' ? undefined : JSON.parse(text)) as never;
    },
    async beRefused(input) {
      const url = urls[turn % urls.length] ?? '';
      const { status, text } = await send('api-keys.create', input, task.viewer, `fake-key-${task.number}-${asked++}`);
      if (status !== 403) throw new Error(`not refused: ${status} ${text}`);
      return url;
    },
    close: async () => connections.forEach(({ close }) => void close()),
  };
};

const { ask, beRefused, close } = await (task.file === undefined
  ? throughServers(task.servers ?? { urls: [], key: '' })
  : inFile(task.file));

/** A server does these again each time that it is asked, whatever their Idempotency-Key. */
const doneAnew: ReadonlySet<Name> = new Set(['secrets.use', 'auth.login', 'auth.refresh']);

const idOf = (output: unknown, input: object): string | undefined =>
  (output as { id?: string } | undefined)?.id ?? (input as { id?: string }).id;

const make = async <K extends Name>(action: K, about: string, input: Input<K>): Promise<Output<K>> => {
  try {
    const output = await ask(action, input, !doneAnew.has(action));
    const id = idOf(output, input);
    report.done.push({ action, about, ...(id === undefined ? {} : { id }) });
    return output;
  } catch (error) {
    if (error instanceof Lost) report.lost.push({ action, about });
    throw error;
  }
};

const refuse = async (name: string): Promise<void> => {
  const by = await beRefused({ name, principal_id: 'worker' });
  report.refused[by] = (report.refused[by] ?? 0) + 1;
};

const recipient = Buffer.alloc(32, 9).toString('base64');

const round = async (name: string): Promise<void> => {
  const principal = await make('principals.create', name, { name, role_ids: ['Worker'] });
  const { id: first } = await make('api-keys.create', name, { name, principal_id: principal.id });
  await make('api-keys.update', name, { id: first, tags: { plainly: 'fake' } });
  const { id } = await make('api-keys.rotate', name, { id: first });
  await make('secrets.create', name, { name, values: { value: 'plainly fake' } });
  await make('secrets.update', name, { secret: name, values: { value: 'plainly fake too' } });
  await make('secrets.use', `${name}.value`, { references: [`${name}.value`], recipient });
  await refuse(name);
  const role = await make('roles.create', name, { name, permissions: ['mobius.work.execute'] });
  const given = await make('roles.create-assignment', name, { principal_id: principal.id, role_id: role.id });
  await make('roles.update', name, { id: role.id, description: 'plainly fake' });
  await make('principals.update', name, { id: principal.id, state: 'disabled' });
  const { items } = await make('tokens.create', name, { name });
  await make('tokens.revoke', name, { id: items[0]?.id ?? '' });
  await refuse(name);
  await make('roles.delete-assignment', given.id, { id: given.id });
  await make('roles.delete', name, { id: role.id });
  await make('api-keys.revoke', name, { id });
  await make('secrets.delete', name, { secret: name });
  await make('principals.delete', name, { id: principal.id });
};

const signIn = async (label: string): Promise<void> => {
  if (task.person === undefined) return;
  const { refresh_token } = await make('auth.login', label, { ...task.person, label });
  await make('auth.refresh', label, { refresh_token });
};

await signIn(`process-${task.number}`).catch((error: unknown) => {
  if (!(error instanceof Lost)) throw error;
});
for (let done = 0, tried = 0; done < task.rounds; tried++) {
  try {
    await round(`process-${task.number}-${tried}`);
    done++;
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
  }
}
await close();
process.stdout.write(JSON.stringify(report));
