import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { progressOn } from '../../cli/progress.ts';
import { showCode } from '../../cli/recovery.ts';
import { MobiusError } from '../../errors.ts';
import type { Keyslot } from '../../vault/keyslots.ts';
import type { Vault } from '../../vault/open.ts';
import type { Carried, RekeyWish } from '../../vault/rekey.ts';

interface Plan {
  carried: Carried[];
  keyFile?: NonNullable<RekeyWish['keyFile']>;
  recovery?: Keyslot;
  removed: Keyslot[];
}

/** Decides for each slot whether it can go on: only what is at hand now can be sealed under the next root key. */
const plan = async (context: LocalContext, vault: Vault, slots: readonly Keyslot[]): Promise<Plan> => {
  const { io, globals, prompt } = context;
  const { opensSlot, keyFileSlot } = await import('../../vault/slots.ts');
  const place = placeOf(io, globals);
  const result: Plan = { carried: [], removed: [] };
  const path = place.keys.keyFile ?? vault.unlocked.keyFile ?? place.keys.defaultKeyFile(vault.id);
  const byFile = await keyFileSlot(vault, slots, path);
  if (byFile !== undefined) result.keyFile = { path, slot: byFile };
  const typed = await place.keys.passphrase?.read();
  for (const slot of slots) {
    if (slot.id === byFile?.id) continue;
    if (slot.kind === 'recovery') {
      result.recovery ??= slot;
      if (result.recovery.id === slot.id) continue;
    }
    if (slot.kind === 'passphrase') {
      const asked = vault.unlocked.slot.id === slot.id ? vault.unlocked.secret.text : typed;
      const question = `Passphrase of the keyslot ${slot.id} (empty removes it):`;
      const secret = asked ?? (prompt.possible ? await prompt.hidden(question) : '');
      if (secret !== '' && (await opensSlot(vault, slot, secret))) {
        result.carried.push({ slot, secret });
        continue;
      }
    }
    result.removed.push(slot);
  }
  return result;
};

const named = (slots: readonly Keyslot[]): string => slots.map(({ kind, id }) => `${kind} (${id})`).join(', ');

const confirm = async ({ flags, prompt }: LocalContext, { removed }: Plan): Promise<void> => {
  if (removed.length === 0 || flags.yes === true) return;
  const question = `these keyslots can't be carried over and will be removed: ${named(removed)}. Go on?`;
  if (await prompt.confirm(question, false)) return;
  throw new MobiusError('usage', 'nothing was changed', {}, 'give what opens them, or agree with --yes');
};

export default localCommand({
  summary: "renew the vault's root key and seal every record anew",
  about:
    'For when a key file, a passphrase or a copy of the vault may be in the wrong hands. Issued keys stay valid, and ' +
    'others read and write meanwhile. The key file gets a new key: the old one opens nothing but older copies. A ' +
    'passphrase stays if it is given; the recovery code is issued anew; what can be neither is removed, after asking. ' +
    'A re-key that was killed is finished by running it again.',
  extra: [
    { name: 'out', value: 'FILE', description: 'write the new recovery code to this file (mode 0600)' },
    { name: 'yes', short: 'y', description: 'remove what cannot be carried over without asking' },
  ],
  examples: ['mobius vault rekey', 'mobius vault rekey --yes --out recovery.txt'],
  related: ['vault backup', 'vault keyslots'],
  async run(context) {
    const { io, globals, say, show, warn } = context;
    const { openLocal } = await import('../../calls/local.ts');
    const { rekey } = await import('../../vault/rekey.ts');
    const { listKeyslots } = await import('../../vault/keyslots.ts');
    const { newRecoveryCode } = await import('../../vault/recovery-code.ts');
    const world = worldOf(io);
    const drawn = progressOn(io, globals);
    const { vault, record, close } = await openLocal(world, placeOf(io, globals), { kind: 'owner' });
    try {
      const planned = await plan(context, vault, await listKeyslots(vault.db));
      if (planned.carried.length === 0 && planned.keyFile === undefined) {
        const hint = 'name the key file that is to be renewed (--key-file PATH) or give a passphrase';
        throw new MobiusError('usage', 'no keyslot can be carried over, so nothing would open the vault', {}, hint);
      }
      await confirm(context, planned);
      const result = {
        id: vault.id,
        ...(planned.keyFile === undefined ? {} : { key_file: planned.keyFile.path }),
        keyslots: [
          ...planned.carried.map(({ slot }) => slot.id),
          ...(planned.keyFile ? [planned.keyFile.slot.id] : []),
        ],
        removed: planned.removed.map(({ id }) => id),
      };
      const { scrubPending } = await rekey(vault, world, {
        carried: planned.carried,
        ...(planned.keyFile === undefined ? {} : { keyFile: planned.keyFile }),
        ...(planned.recovery === undefined
          ? {}
          : {
              async recoveryCode() {
                const code = newRecoveryCode();
                await showCode(context, code, result);
                return code;
              },
            }),
        onProgress: drawn.step('re-keying'),
        record: (tx, removed) => record(tx, 'vault.rekey', { type: 'vault', id: vault.id, changes: { removed } }),
      });
      if (planned.recovery === undefined) show({ ...result, scrub_pending: scrubPending });
      if (scrubPending) warn('another process still reads the old pages; the next command removes them');
      say('re-keyed the vault; keep a copy of the new key file, and make a new backup');
    } finally {
      drawn.end();
      await close();
    }
    return 0;
  },
});
