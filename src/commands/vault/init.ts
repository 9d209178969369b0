import { resolve } from 'node:path';
import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { newPassphrase } from '../../cli/passphrases.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { shownPlace } from '../../database-url.ts';
import type { FirstSlot } from '../../vault/create.ts';
import type { Place } from '../../vault/open.ts';

/** Asks a person what is to open the vault; without one it is a key file, or the passphrase that was given. */
const firstSlot = async (context: LocalContext, place: Place): Promise<FirstSlot> => {
  const { io, prompt } = context;
  const byPassphrase = async (named?: string): Promise<FirstSlot> => {
    const passphrase = await newPassphrase(context, named);
    const [{ calibrate }, { passphraseParams }, { loadSodium }] = await Promise.all([
      import('../../vault/passphrase.ts'),
      import('../../vault/slot-keys.ts'),
      import('../../crypto.ts'),
    ]);
    const sodium = await loadSodium(worldOf(io).sodium);
    return { kind: 'passphrase', passphrase, params: passphraseParams(await calibrate(sodium)) };
  };
  if (place.keys.passphrase !== undefined) return byPassphrase(await place.keys.passphrase.read());
  if (place.keys.keyFile !== undefined || !prompt.possible) return { kind: 'key-file' };
  const chosen = await prompt.select('What should open the vault?', [
    { value: 'default', name: 'a key file in the configuration folder: nothing to type' },
    { value: 'named', name: 'a key file somewhere else, such as on a stick' },
    { value: 'passphrase', name: 'a passphrase that is typed' },
  ]);
  if (chosen === 'passphrase') return byPassphrase();
  if (chosen === 'named') place.keys.keyFile = resolve(io.cwd, await prompt.text('Path of the new key file:'));
  return { kind: 'key-file' };
};

export default localCommand({
  summary: 'make a new sealed vault on this machine',
  about:
    'The vault is one file in the data folder; the key file that opens it lies in the configuration folder, so that ' +
    'copying one is not copying both. Keep a copy of the key file: without it nothing opens the vault. With a ' +
    'passphrase (--passphrase-file, --passphrase-fd, MOBIUS_VAULT_PASSPHRASE) that opens it, and there is no key file. ' +
    'With the address of an empty PostgreSQL database (--vault postgres://...) it is made there, for mobius serve.',
  examples: [
    'mobius vault init',
    'mobius vault init --vault ./dev.db --key-file ./dev.key',
    'mobius vault init --vault ./team.db --passphrase-file ./passphrase.txt',
  ],
  related: ['quickstart', 'vault keyslots', 'vault unlock'],
  async run(context) {
    const { io, globals, say, show } = context;
    const { createLocal } = await import('../../calls/local.ts');
    const place = placeOf(io, globals);
    const first = await firstSlot(context, place);
    const { id, keyFile } = await createLocal(worldOf(io), place, first);
    const where = shownPlace(place.path);
    show({ id, path: where, opened_by: first.kind, ...(keyFile === undefined ? {} : { key_file: keyFile }) });
    say(
      keyFile === undefined
        ? `made vault "${where}" (${id}); for the day the passphrase is lost: mobius vault keyslots add recovery`
        : `made vault "${where}" (${id}); keep a copy of the key file: nothing else opens it`,
    );
    return 0;
  },
});
