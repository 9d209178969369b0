import { localCommand } from '../../cli/command.ts';
import { databaseFlag, onDatabase } from '../../cli/database.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';

export default localCommand({
  summary: 'bring the database of a server to what this version knows',
  about:
    'mobius serve does it by itself when it starts; here it can be done before, and asked for with --check, which ' +
    'changes nothing: its exit code is 0 where all is done and 1 where something is not. One process at a time ' +
    'migrates, and nodes of the version before go on serving. No key is needed. Without --database it is the vault ' +
    'that other commands would work on.',
  extra: [databaseFlag, { name: 'check', description: 'only say what is missing' }],
  examples: ['mobius server migrate --check', 'mobius server migrate --database postgres://mobius@127.0.0.1/mobius'],
  related: ['serve', 'vault move'],
  async run(context) {
    const { io, flags, show, say } = context;
    const { migrateDatabase } = await import('../../vault/migration.ts');
    const place = placeOf(io, onDatabase(context));
    const isCheck = flags.check === true;
    const { shown, applied, missing } = await migrateDatabase(worldOf(io), place, isCheck);
    show({ database: shown, applied, missing });
    if (missing.length === 0) say('nothing is missing');
    else if (isCheck) say('to apply them: mobius server migrate');
    else say(`applied ${missing.length === 1 ? 'one migration' : `${missing.length} migrations`}`);
    return isCheck && missing.length > 0 ? 1 : 0;
  },
});
