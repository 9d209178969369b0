import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { progressOn } from '../../cli/progress.ts';

export default localCommand({
  summary: 'put a backup in the place of the local vault',
  about:
    'The backup is verified first; one that is not whole is not restored. A vault that is there is replaced only with ' +
    '--replace, and stays beside the new one under another name. Nobody else may have it open meanwhile. The restored ' +
    'vault opens with what opened it when the backup was made: a key that was removed since opens it again.',
  args: [{ name: 'file', description: 'a file that mobius vault backup made', takes: 'file' }],
  extra: [{ name: 'replace', description: 'replace the vault that is there, and keep it beside the new one' }],
  examples: [
    'mobius vault restore ./vault-backup.db',
    'mobius vault restore ./vault-backup.db --replace',
    'mobius vault restore ./old.db --vault ./restored.db --key-file ./old.key',
  ],
  related: ['vault backup', 'vault check'],
  async run({ io, globals, args, flags, show, say, warn }) {
    const [{ bookkeepingOf }, { restoreVault }, { resolve }] = await Promise.all([
      import('../../calls/local.ts'),
      import('../../vault/restore.ts'),
      import('node:path'),
    ]);
    const world = { ...worldOf(io), onInterrupt: io.onInterrupt };
    const progress = progressOn(io, globals);
    const { path, manifest, kept, unlockedBy, opensByItself } = await restoreVault(
      world,
      placeOf(io, globals),
      resolve(io.cwd, args.file ?? ''),
      { replace: flags.replace === true, steps: progress.step, bookkeeping: bookkeepingOf(world) },
    ).finally(progress.end);
    show({
      path,
      vault_id: manifest.vault_id,
      made_at: new Date(manifest.made_at).toISOString(),
      ...(kept === undefined ? {} : { kept }),
      unlocked_by: unlockedBy,
      records: manifest.tables,
    });
    if (!opensByItself)
      warn(`the restored vault opens with the ${unlockedBy}; name it in each command, or add a keyslot`);
    say(`restored the vault "${path}" as it was at ${new Date(manifest.made_at).toISOString()}`);
    if (kept !== undefined) say(`what was there before is kept as "${kept}"`);
    return 0;
  },
});
