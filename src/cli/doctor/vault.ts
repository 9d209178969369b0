import { existsSync } from 'node:fs';
import { isAddress } from '../../vault-place.ts';
import { agentOf, askAgent } from '../agent.ts';
import { destinationOf } from '../destination.ts';
import { quoted } from '../page.ts';
import { configPath, vaultPath } from '../places.ts';
import { relative } from '../times.ts';
import { type Check, type Finding, failed, found, guarded, type Look } from './finding.ts';

/** The file of the vault on this machine that commands work on, or would without a server; undefined where there is none. */
export const vaultFile = async ({ io, globals }: Look): Promise<string | undefined> => {
  const destination = await destinationOf(io, globals).catch(() => undefined);
  const path = vaultPath(io, (destination?.kind === 'vault' ? destination.vault : undefined) ?? globals.vault);
  return isAddress(path) || !existsSync(path) ? undefined : path;
};

const sizeOf = (bytes: number): string =>
  bytes < 1024 ** 2 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** The file itself, as far as it can be told without a key. */
export const inFile: Check = async (look) => {
  const { io } = look;
  const path = await vaultFile(look);
  if (path === undefined) return [];
  return guarded('vault', async () => {
    const { glanceAt } = await import('../../vault/glance.ts');
    const { createdAt, sizeBytes, faults, missing, keyslots, movedBecause, engine } = await glanceAt(path);
    const findings: Finding[] = [
      found('vault', `"${path}", ${sizeOf(sizeBytes)}, made ${relative(createdAt, io.now())}, ${engine}`),
    ];
    if (movedBecause !== undefined) findings.push(failed('vault', movedBecause));
    if (faults.length > 0) {
      const mend = 'see how much is lost, mobius vault check; and bring a backup back, mobius vault restore FILE';
      findings.push({ check: 'integrity', state: 'error', detail: faults.join('; ').slice(0, 400), mend, exit: 1 });
    } else findings.push(found('integrity', 'the file is sound; every record is looked at by mobius vault check'));
    const behind = `the vault is ${missing} migration${missing === 1 ? '' : 's'} behind this version`;
    findings.push(
      missing === 0
        ? found('migrations', 'the vault is as this version has it')
        : found('migrations', `${behind}; a copy as it is now will be kept`, 'mobius projects list'),
    );
    const kinds = [...new Set(keyslots)].join(', ');
    findings.push(found('keyslots', `it opens with: ${kinds}`));
    return findings;
  });
};

/** The process that holds the vault open for other commands. */
export const agent: Check = async (look) => {
  const { io } = look;
  const path = await vaultFile(look);
  if (path === undefined) return [];
  const socket = await agentOf(io, path);
  if (socket === undefined) return [found('agent', 'none holds the vault open')];
  const [{ version }, state] = await Promise.all([import('../../version.ts'), askAgent(io, socket)]);
  const renew = 'mobius vault lock && mobius vault unlock';
  if (state.version !== version) {
    return [found('agent', `it is of mobius ${state.version ?? 'before 0.1.0'}, and this is ${version}`, renew)];
  }
  const ends = Date.parse(state.idle_until ?? state.locks_at);
  return [found('agent', `process ${state.pid} holds the vault open; it ends ${relative(ends, io.now())}`)];
};

/** Where the end of the audit log is kept besides the vault. */
export const anchors: Check = async (look) => {
  const { io } = look;
  const path = await vaultFile(look);
  if (path === undefined) return [];
  const { anchoringOf } = await import('../../audit/settings.ts');
  const anchoring = await anchoringOf(io);
  if (anchoring === undefined) {
    const where = configPath(io) ?? 'MOBIUS_AUDIT_ANCHOR';
    return [found('anchors', `the end of the audit log is kept in the vault alone; "${where}" may name another place`)];
  }
  const socket = await agentOf(io, path);
  const told = socket === undefined ? undefined : (await askAgent(io, socket)).audit_anchor;
  if (told?.problem !== undefined) return [found('anchors', told.problem, `make "${told.path}" writable`)];
  const [{ openAnchorFile }, { glanceAt }] = await Promise.all([
    import('../../audit/anchor-file.ts'),
    import('../../vault/glance.ts'),
  ]);
  const { id } = await glanceAt(path);
  const [last] = openAnchorFile(anchoring, id).kept();
  const now = `mobius audit-logs anchor --append ${quoted(anchoring.path)}`;
  if (last === undefined) return [found('anchors', `"${anchoring.path}" holds no anchor of this vault`, now)];
  const at = relative(Date.parse(last.made_at), io.now());
  return [found('anchors', `"${anchoring.path}" holds the end of the audit log as it was ${at}, entry ${last.seq}`)];
};
