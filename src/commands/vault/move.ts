import { resolve } from 'node:path';
import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { progressOn } from '../../cli/progress.ts';
import { shownPlace } from '../../database-url.ts';
import { MobiusError } from '../../errors.ts';
import { isAddress } from '../../vault-place.ts';

const goOn = 'go on with the same line, or give it up: mobius vault move --abort';

const confirm = async ({ flags, prompt }: LocalContext, to: string): Promise<void> => {
  if (flags.yes === true) return;
  const question = `move the vault to "${shownPlace(to)}"? Until that has ended it is only read, and then it is only there`;
  if (await prompt.confirm(question, false)) return;
  throw new MobiusError('usage', 'nothing was moved', {}, 'agree with --yes');
};

const move = async (context: LocalContext, to: string): Promise<number> => {
  const { io, globals, show, say, warn } = context;
  await confirm(context, to);
  const [{ bookkeepingOf }, { moveVault }] = await Promise.all([
    import('../../calls/local.ts'),
    import('../../vault/move.ts'),
  ]);
  const world = worldOf(io);
  const progress = progressOn(io, globals);
  let marked = false;
  const wish = {
    steps: progress.step,
    bookkeeping: bookkeepingOf(world),
    onMarked: () => {
      marked = true;
    },
  };
  try {
    const moved = await moveVault(world, placeOf(io, globals), to, wish).finally(progress.end);
    const { id, from, to: shown, records } = moved;
    show({ id, from, to: shown, verified: true, records });
    say(`moved the vault to "${shown}"; name it from now on: --vault, or MOBIUS_VAULT`);
    say(`what is left at "${from}" opens no more: remove it when you are sure`);
  } catch (error) {
    // One who has left says so by itself.
    const isOver = error instanceof MobiusError && error.details.reason === 'moved';
    if (marked && !isOver) warn(`the move has not ended, and the vault is only read: ${goOn}`);
    throw error;
  }
  return 0;
};

const abort = async ({ io, globals, show, say, warn }: LocalContext, to: string | undefined): Promise<number> => {
  const [{ bookkeepingOf }, { abortMove }] = await Promise.all([
    import('../../calls/local.ts'),
    import('../../vault/move.ts'),
  ]);
  const world = worldOf(io);
  const { id, place, removed } = await abortMove(world, placeOf(io, globals), to, {
    bookkeeping: bookkeepingOf(world),
  });
  show({ id, ...(place === undefined ? {} : { to: place }), removed });
  if (place !== undefined) say(`gave up moving the vault to "${place}": it is used where it was`);
  if (!removed && place !== undefined && to === undefined && isAddress(place)) {
    warn('what was copied is still there; to remove it name the place: mobius vault move --abort --to ADDRESS');
  }
  return 0;
};

export default localCommand({
  summary: 'move the local vault into a PostgreSQL database, or from there into a file',
  about:
    'Copies every row as it is, sealed, with all versions and the whole audit log, then compares both to the byte, ' +
    'opens every record of the copy and follows its log. The vault keeps its id: key files, passphrases and issued ' +
    'keys go on working. While it is moved it is only read, and after that the old place is refused. A move that was ' +
    'interrupted goes on with the same line; --abort gives it up. A password in an address can be seen by other ' +
    'programs: ~/.pgpass and PGPASSWORD are read too.',
  extra: [
    {
      name: 'to',
      value: 'PLACE',
      takes: 'file',
      description: 'an empty database (postgres://...), or a file that is not there',
    },
    { name: 'abort', description: 'give up a move that has not ended; with --to its half copy is removed as well' },
    { name: 'yes', short: 'y', description: 'move it without asking' },
  ],
  examples: [
    'mobius vault move --to ./moved.db --yes',
    'mobius vault move --to postgres://mobius@db.example.com/mobius --yes',
    'mobius vault move --vault ./moved.db --to ./vault.db --yes',
    'mobius vault move --abort',
  ],
  related: ['vault backup', 'server migrate'],
  run(context) {
    const { io, flags } = context;
    const named = typeof flags.to === 'string' && flags.to !== '' ? flags.to : undefined;
    const to = named === undefined || isAddress(named) ? named : resolve(io.cwd, named);
    if (flags.abort === true) return abort(context, to);
    if (to === undefined) {
      throw new MobiusError(
        'usage',
        'where to? --to is missing',
        {},
        'such as: --to postgres://mobius@db.example.com/mobius',
      );
    }
    return move(context, to);
  },
});
