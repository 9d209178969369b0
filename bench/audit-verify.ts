import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocal } from '../src/calls/local.ts';
import { idPrefixes, typeId } from '../src/core/ids.ts';
import * as audit from '../src/store/audit.ts';
import { uuidSource } from '../src/uuid.ts';
import { openVault, type Place, type World } from '../src/vault/open.ts';
import { startTable, whole } from './table.ts';

/**
 * How long the built program takes to verify a log, and how much memory, as the log grows tenfold:
 * `npm run build && tsx bench/audit-verify.ts [entries]`.
 */
const most = Number(process.argv[2] ?? 100_000);
const atOnce = 20_000;

const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};

const fill = async (place: Place, entries: number): Promise<void> => {
  const { db, sealer } = await openVault(world, place);
  const columns = {
    project_id: null,
    action: 'api-keys.create',
    resource_type: 'api_key',
    resource_id: typeId(idPrefixes.apiKey, world.newUuid()),
    principal_id: null,
    credential_id: null,
    created_at: Date.now(),
  };
  let left = entries;
  while (left > 0) {
    const count = Math.min(left, atOnce);
    left -= count;
    await db.tx('write', async (tx) => {
      const store = { db: tx, sealer };
      let head = await audit.headOf(store);
      for (let i = 0; i < count; i++) {
        const plain = { actor_name: 'owner', resource_name: `key-${i}`, changes: { principal_id: 'prin_bench' } };
        const end = await audit.append(store, typeId(idPrefixes.audit, world.newUuid()), columns, plain, head);
        if (end === undefined) throw new Error('an entry stands in its place already');
        head = end;
      }
    });
  }
  await db.close();
};

/** Of a process that runs: the most that it ever had in memory, in MB. */
const peakOf = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
};

const verify = async ({ path, keys }: Place): Promise<{ seconds: number; peak: number }> => {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const line = [
    'bin/mobius.js',
    'audit-logs',
    'verify',
    '--vault',
    path,
    '--key-file',
    keys.keyFile ?? '',
    '-o',
    'json',
  ];
  const began = performance.now();
  const child = spawn(process.execPath, line, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let [text, peak] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const timer = setInterval(() => {
    if (child.pid !== undefined && child.exitCode === null) peak = Math.max(peak, peakOf(child.pid));
  }, 50);
  await once(child, 'close');
  clearInterval(timer);
  if (JSON.parse(text).ok !== true) throw new Error(text);
  return { seconds: (performance.now() - began) / 1000, peak };
};

const folder = mkdtempSync(join(tmpdir(), 'mobius-bench-'));
try {
  const tell = startTable(['entries', 'file', 'verified in', 'entries a second', 'peak memory']);
  for (const entries of [most / 10, most]) {
    const keyFile = join(folder, `${entries}.key`);
    const place: Place = { path: join(folder, `${entries}.db`), keys: { keyFile, defaultKeyFile: () => keyFile } };
    await createLocal(world, place);
    await fill(place, entries);
    const { seconds, peak } = await verify(place);
    const size = statSync(place.path).size / 2 ** 20;
    const row = [whole(entries), `${size.toFixed(0)} MB`, `${seconds.toFixed(1)} s`];
    row.push(whole(entries / seconds), `${peak.toFixed(0)} MB`);
    tell(row);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
