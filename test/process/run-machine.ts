import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Machine, newMachine } from './machine.ts';

/** What stands behind every reference here; no vault is asked. */
export const fakeValue = 'plainly-a-fake-value';

const resolved = `
export const useSecrets = async (open, { texts, secrets }) => ({
  texts: Object.fromEntries(Object.entries(texts).map(([name, text]) =>
    [name, text.replace(/\\$\\{secret:[^}]*\\}/g, ${JSON.stringify(fakeValue)})])),
  secrets: Object.fromEntries(secrets.map((name) => [name, { 'api.key': ${JSON.stringify(fakeValue)} }])),
  values: [${JSON.stringify(fakeValue)}],
});`;

/** A machine whose `mobius` is the real one but for that, and a program `say` for what sh can't. */
export const newRunMachine = async (): Promise<Machine & { main: string }> => {
  const machine = newMachine();
  const folder = join(machine.work, '..', 'dist');
  await build({
    entryPoints: ['src/main.ts'],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: ['better-sqlite3', 'libsodium-wrappers', 'libsodium-wrappers-sumo', 'sodium-native'],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    define: { MOBIUS_VERSION: '"0.0.0"' },
    logLevel: 'error',
    plugins: [
      {
        name: 'values-without-a-vault',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\/use\/resolve\.ts$/ }, () => ({ contents: resolved, loader: 'js' }));
        },
      },
    ],
  });
  const main = join(folder, 'main.js');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const bin = join(machine.work, '..', 'bin', 'mobius');
  writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
  return { ...machine, main };
};
