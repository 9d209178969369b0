import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { progressOn } from '../../cli/progress.ts';
import { MobiusError } from '../../errors.ts';

const usage = (message: string, hint = 'see: mobius vault backup --help'): MobiusError =>
  new MobiusError('usage', message, {}, hint);

const iso = (time: number): string => new Date(time).toISOString();

const backup = async ({ io, globals, flags, show, say }: LocalContext, file: string): Promise<number> => {
  const [{ openLocal }, { backupVault }, { resolve }] = await Promise.all([
    import('../../calls/local.ts'),
    import('../../vault/backup.ts'),
    import('node:path'),
  ]);
  const world = { ...worldOf(io), onInterrupt: io.onInterrupt };
  const progress = progressOn(io, globals);
  const { vault, record, close } = await openLocal(world, placeOf(io, globals), { kind: 'owner' });
  try {
    const { path, sizeBytes, manifest } = await backupVault(world, vault, resolve(io.cwd, file), {
      replace: flags.replace === true,
      steps: progress.step,
      record: (tx, changes) => record(tx, 'vault.backup', { type: 'vault', id: vault.id, changes }),
    }).finally(progress.end);
    show({
      path,
      size_bytes: sizeBytes,
      vault_id: manifest.vault_id,
      made_at: iso(manifest.made_at),
      records: manifest.tables,
    });
    say(`made the backup "${path}"; it opens with what opens the vault today, so keep that too, but elsewhere`);
  } finally {
    await close();
  }
  return 0;
};

const verify = async ({ io, globals, show, say }: LocalContext, file: string): Promise<number> => {
  const [{ bookkeepingOf }, { verifyBackup }, { resolve }] = await Promise.all([
    import('../../calls/local.ts'),
    import('../../vault/backup.ts'),
    import('node:path'),
  ]);
  const world = { ...worldOf(io), onInterrupt: io.onInterrupt };
  const progress = progressOn(io, globals);
  const path = resolve(io.cwd, file);
  const { keys } = placeOf(io, globals);
  const verified = await verifyBackup(world, path, keys, bookkeepingOf(world), progress.step).finally(progress.end);
  const { manifest, report } = verified;
  const { ok, checked, problems, remarks } = report;
  const about = manifest && { vault_id: manifest.vault_id, made_at: iso(manifest.made_at) };
  if (globals.output !== 'pretty') show({ path, ok, ...about, checked, problems, remarks });
  else show({ path, ok, ...about, checked, problems: problems.length, remarks: remarks.length });
  for (const { table, id, problem } of problems) say(`${table}${id === undefined ? '' : ` ${id}`}: ${problem}`);
  for (const remark of remarks) say(`remark: ${remark}`);
  return ok ? 0 : 1;
};

export default localCommand({
  summary: 'copy the vault, sealed as it is, into one file; or verify such a copy',
  about:
    'Others can use the vault meanwhile. The copy is sealed like the vault and opens with what opens the vault now. ' +
    '"backup verify FILE" opens a backup, reads every record in it and compares it with what was written down when it ' +
    'was made; its exit code is 0 for a good one and 1 for any other. Into a file that is called verify: ./verify',
  args: [
    { name: 'file', description: 'the file that is made, or the word verify', choices: ['verify'], takes: 'file' },
    {
      name: 'verified',
      label: 'file',
      description: 'after verify: the backup to look at',
      optional: true,
      takes: 'file',
    },
  ],
  extra: [{ name: 'replace', description: 'replace the file if there is one' }],
  examples: [
    'mobius vault backup ./vault-backup.db',
    'mobius vault backup verify ./vault-backup.db',
    'mobius vault backup verify ./old.db --key-file ./old.key',
  ],
  related: ['vault restore', 'vault check'],
  async run(context) {
    const { file = '', verified } = context.args;
    if (verified === undefined) {
      if (file === 'verify')
        throw usage('verify what? it takes the file of a backup', 'to make one of that name: ./verify');
      if (file === '') throw usage('the name of the file must not be empty');
      return backup(context, file);
    }
    if (file !== 'verify') throw usage(`unexpected argument "${verified}"`);
    if (context.flags.replace === true) throw usage('--replace has no meaning with verify: nothing is written');
    return verify(context, verified);
  },
});
