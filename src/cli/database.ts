import { MobiusError } from '../errors.ts';
import { isAddress } from '../vault-place.ts';
import type { Globals, LocalContext } from './command.ts';

const variable = 'MOBIUS_DATABASE_URL';

/** The flag that goes with `onDatabase`. */
export const databaseFlag = {
  name: 'database',
  value: 'URL',
  description: `the PostgreSQL database that holds the vault; ${variable} when absent`,
} as const;

/** The same, led to the database that was named; what the line says of the vault leaves aside what variables say. */
export const onDatabase = ({ io, flags, globals }: LocalContext): Globals => {
  const { database } = flags;
  const typed = typeof database === 'string' ? database : undefined;
  const address = typed ?? (globals.vault === undefined ? io.env[variable] : undefined);
  if (address === undefined || (typed === undefined && address === '')) return globals;
  if (isAddress(address)) return { ...globals, vault: address };
  throw new MobiusError(
    'usage',
    'the address of the database must begin with postgres://',
    { field: 'database' },
    'such as: postgres://mobius@db.example.com/mobius; a vault in a file is named with --vault',
  );
};
