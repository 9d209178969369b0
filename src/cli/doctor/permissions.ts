import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Io } from '../../io.ts';
import { modesTell } from '../../platform.ts';
import { isAddress } from '../../vault-place.ts';
import { quoted } from '../page.ts';
import { agentFolder, configFolder, credentialsPath, vaultPath } from '../places.ts';
import { type Check, type Finding, found } from './finding.ts';

const check = 'permissions';

const statOf = (path: string): Stats | undefined => {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
};

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
};

const ownerMend = (path: string): string => `sudo chown "$(id -un)" ${quoted(path)}`;

/** What holds a secret, or what opens one: its owner's alone. */
const ownAlone = ({ uid }: Io, path: string): Finding[] => {
  const stat = statOf(path);
  if (stat === undefined) return [];
  if (uid !== undefined && stat.uid !== uid) {
    return [found(check, `"${path}" belongs to another user`, ownerMend(path))];
  }
  if ((stat.mode & 0o077) === 0) return [];
  const mode = stat.isDirectory() ? '700' : '600';
  return [found(check, `"${path}" is open to other users`, `chmod ${mode} ${quoted(path)}`)];
};

/** Whoever may write to a folder can put another file in the place of one in it, whatever that one's mode. */
const above = ({ uid }: Io, path: string): Finding[] => {
  const findings: Finding[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = statOf(folder);
    const isOpen = stat !== undefined && (stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0;
    const isStrange = stat !== undefined && uid !== undefined && stat.uid !== uid && stat.uid !== 0;
    if (isOpen) {
      const detail = `other users can put something else in the place of what lies in "${folder}"`;
      findings.push(found(check, detail, `chmod go-w ${quoted(folder)}`));
    }
    if (isStrange) findings.push(found(check, `"${folder}" belongs to another user`, ownerMend(folder)));
    if (dirname(folder) === folder) return findings;
  }
};

const realOf = (path: string): string | undefined => {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
};

/** Who can read or replace what is to be a secret. */
export const permissions: Check = async ({ io, globals }) => {
  if (!modesTell(io.platform)) return [found(check, 'as Windows has them for your own folders')];
  const [config, vault] = [configFolder(io), vaultPath(io, globals.vault)];
  const isDefault = vault === vaultPath(io, undefined);
  const keys = join(config, 'keys');
  const files = isAddress(vault) ? [] : [vault, `${vault}-wal`, `${vault}-shm`];
  const own = [
    config,
    keys,
    ...namesIn(keys),
    credentialsPath(io),
    ...(globals.keyFile === undefined ? [] : [globals.keyFile]),
    ...(isDefault ? [dirname(vault)] : []),
    ...files,
    ...(lstatSync(agentFolder(io), { throwIfNoEntry: false }) === undefined ? [] : [agentFolder(io)]),
  ];
  const folders = [config, ...(files.length === 0 ? [] : [dirname(vault)])].flatMap((path) => realOf(path) ?? []);
  const findings = [...new Set(own)].flatMap((path) => ownAlone(io, path));
  const named = new Set(findings.map(({ mend }) => mend));
  for (const finding of folders.flatMap((folder) => above(io, folder))) {
    // One that is to be closed altogether is told once.
    const isTold = own.some((path) => finding.mend === `chmod go-w ${quoted(path)}`);
    if (!isTold && !named.has(finding.mend)) findings.push(finding);
    named.add(finding.mend);
  }
  return findings.length > 0 ? findings : [found(check, 'keys, vault and profiles are open to nobody else')];
};
