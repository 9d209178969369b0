import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';

export default localCommand({
  summary: 'make a new sealed vault on this machine',
  about:
    'The vault is one file in the data folder; the key file that opens it lies in the configuration folder, so that ' +
    'copying one is not copying both. Keep a copy of the key file: without it nothing opens the vault.',
  examples: ['mobius vault init', 'mobius vault init --vault ./dev.db --key-file ./dev.key'],
  async run({ io, globals, prompt, say, show }) {
    const { createLocal } = await import('../../calls/local.ts');
    const place = placeOf(io, globals);
    if (place.keys.keyFile === undefined && prompt.possible) {
      const elsewhere = await prompt.select('How should the vault be opened?', [
        { value: 'default', name: 'by a key file in the configuration folder' },
        { value: 'named', name: 'by a key file that I name, such as on a stick' },
      ]);
      if (elsewhere === 'named') place.keys.keyFile = await prompt.text('Path of the new key file:');
    }
    const { id, keyFile } = await createLocal(worldOf(io), place);
    show({ id, path: place.path, key_file: keyFile });
    say(`made vault "${place.path}" (${id}); keep a copy of the key file: nothing else opens it`);
    return 0;
  },
});
