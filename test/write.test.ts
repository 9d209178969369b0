import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAll } from '../src/write.ts';

test.skipIf(process.platform === 'win32')('what a pipe does not take at once follows when it does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-write-'));
  const [pipe, copy] = [join(folder, 'pipe'), join(folder, 'copy')];
  spawnSync('mkfifo', [pipe]);
  const descriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const text = 'äß-'.repeat(100_000);
  const out = openSync(copy, 'w');
  const reader = spawn('head', ['-c', String(Buffer.byteLength(text)), pipe], { stdio: ['ignore', out, 'inherit'] });
  const ended = once(reader, 'close');
  writeAll(descriptor, text);
  await ended;
  for (const one of [descriptor, out]) closeSync(one);
  expect(readFileSync(copy, 'utf8') === text).toBe(true);
  rmSync(folder, { recursive: true });
});
