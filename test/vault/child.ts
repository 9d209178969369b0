import { bookkeepingOf, openLocal } from '../../src/calls/local.ts';
import { MobiusError } from '../../src/errors.ts';
import { uuidSource } from '../../src/uuid.ts';
import { backupVault } from '../../src/vault/backup.ts';
import type { Place, World } from '../../src/vault/open.ts';
import { restoreVault } from '../../src/vault/restore.ts';

/** What another process does to a vault; the tests bundle this file and start it. */
const [task = '', path = '', keyFile = '', ...rest] = process.argv.slice(2);

const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};
const place: Place = { path, keys: { defaultKeyFile: () => keyFile } };
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const open = () => openLocal(world, place, { kind: 'owner' });
const forEver = (): Promise<void> => new Promise((done) => setTimeout(done, 600_000));
const steps = () => () => undefined;

// Whoever started it may have been killed: nothing here goes on for ever.
setTimeout(() => process.exit(1), 300_000).unref();

const tasks: Record<string, () => Promise<void>> = {
  /** Makes one role after the other until it is killed, and says the name of each when it is told that it is there. */
  async write() {
    const { call } = await open();
    for (let count = 0; ; count++) {
      const name = `${rest[0]} ${count}`;
      await call('roles.create', { name, permissions: ['mobius.project.view'], tags: { of: rest[0] ?? '' } });
      say(name);
    }
  },

  /** Has the vault open until it is killed. */
  async hold() {
    const { close } = await open();
    say('holding');
    await forEver();
    // Never reached; without it what is open would be taken for done with, and closed.
    await close();
  },

  /** Opens it, makes a role, and closes it. */
  async add() {
    const { call, close } = await open();
    await call('roles.create', { name: rest[0] ?? '', permissions: ['mobius.project.view'] });
    await close();
    say('added');
  },

  /** Opens it, makes a principal, and closes it. */
  async enrol() {
    const { call, close } = await open();
    await call('principals.create', { name: rest[0] ?? '' });
    await close();
    say('enrolled');
  },

  async backup() {
    const { vault, record, close } = await open();
    await backupVault(world, vault, rest[0] ?? '', {
      replace: true,
      steps,
      record: (tx, changes) => record(tx, 'vault.backup', { type: 'vault', id: vault.id, changes }),
    });
    await close();
    say('made');
  },

  async restore() {
    const bookkeeping = bookkeepingOf(world);
    await restoreVault(world, place, rest[0] ?? '', { replace: rest[1] === 'replace', steps, bookkeeping });
    say('restored');
  },
};

try {
  await tasks[task]?.();
} catch (error) {
  const { message } = error as Error;
  say(JSON.stringify({ code: error instanceof MobiusError ? error.code : undefined, message }));
  process.exitCode = 1;
}
