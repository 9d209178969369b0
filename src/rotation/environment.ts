import { resolve } from 'node:path';
import type { Globals } from '../cli/command.ts';
import type { Io } from '../io.ts';
import { folded } from '../platform.ts';
import type { Successor } from './plan.ts';

type Environment = Record<string, string>;

const inherited = ({ env }: Io, keeps: (name: string) => boolean): Environment =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && keeps(entry[0])),
  );

/** What delivers has no business with the vault: of our own variables it gets none but those that say what it is given. */
export const commandEnvironment = (
  io: Io,
  { rotationId, keyId }: Pick<Successor, 'rotationId' | 'keyId'>,
): Environment => ({
  ...inherited(io, (name) => !folded(io.platform, name).startsWith('MOBIUS_')),
  MOBIUS_ROTATION_ID: rotationId,
  ...(keyId === undefined ? {} : { MOBIUS_KEY_ID: keyId }),
});

const credentials: readonly string[] = ['MOBIUS_VAULT_KEY', 'MOBIUS_VAULT_PASSPHRASE', 'MOBIUS_API_KEY'];

/** What checks a new key runs as its user would: on the same target, and with no other credential in a variable. */
export const checkEnvironment = (io: Io, { apiUrl, vault, profile }: Globals, project: string): Environment => ({
  ...inherited(io, (name) => !credentials.includes(folded(io.platform, name))),
  MOBIUS_PROJECT: project,
  ...(apiUrl === undefined ? {} : { MOBIUS_API_URL: apiUrl }),
  ...(profile === undefined ? {} : { MOBIUS_PROFILE: profile }),
  ...(vault === undefined ? {} : { MOBIUS_VAULT: vault.includes('://') ? vault : resolve(io.cwd, vault) }),
});
