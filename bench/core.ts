import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Measures `in-process.ts` compiled as the program is: what runs TypeScript directly gives each function its name anew
 * whenever it is made, which costs more than some of what is measured. `tsx bench/core.ts [seconds of each [rounds]]`.
 */
const outfile = join('dist', 'bench-in-process.mjs');
await build({
  entryPoints: [join('bench', 'in-process.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
});
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' });
rmSync(outfile);
process.exitCode = status ?? 1;
