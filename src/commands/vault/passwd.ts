import { localCommand } from '../../cli/command.ts';
import { newPassphrase, newPassphraseFlag } from '../../cli/passphrases.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';

export default localCommand({
  summary: "change the vault's passphrase, or give it one",
  about:
    'Replaces every passphrase keyslot by one for the new passphrase. A copy of the vault from before still opens with ' +
    'the old one: mobius vault rekey stops that.',
  extra: [newPassphraseFlag],
  examples: ['mobius vault passwd', 'mobius vault passwd --new-passphrase-file ./new-passphrase.txt'],
  related: ['vault keyslots', 'vault rekey'],
  async run(context) {
    const { io, globals, say, show } = context;
    const { openLocal } = await import('../../calls/local.ts');
    const { newSlot, replaceSlots } = await import('../../vault/slots.ts');
    const { calibrate } = await import('../../vault/passphrase.ts');
    const { passphraseParams } = await import('../../vault/slot-keys.ts');
    const world = worldOf(io);
    const { vault, record, close } = await openLocal(world, placeOf(io, globals), { kind: 'owner' });
    try {
      const passphrase = await newPassphrase(context);
      const slot = newSlot(world, 'passphrase', passphraseParams(await calibrate(vault.sodium)));
      const { scrubPending } = await replaceSlots(vault, world, slot, passphrase, (tx, { id, kind }) =>
        record(tx, 'vault.passwd', { type: 'keyslot', id, changes: { kind } }),
      );
      show({ id: slot.id, kind: slot.kind, scrub_pending: scrubPending });
      say(`changed the passphrase (${slot.id})`);
    } finally {
      await close();
    }
    return 0;
  },
});
