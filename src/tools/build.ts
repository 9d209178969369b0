import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/**
 * The prompts say in their package.json that an unused one may be left out, but a second one beside their ESM files hides
 * it; unread, they would bring an editor and the tables of every character set, 690 kB.
 */
const onlyPromptsThatAsk: Plugin = {
  name: 'only-prompts-that-ask',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^@inquirer\// }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'seen') return undefined;
      return { ...(await resolve(path, { ...options, pluginData: 'seen' })), sideEffects: false };
    });
  },
};

rmSync(dist, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Their ES modules, where they bring both: named exports survive a chunk of their own.
  mainFields: ['module', 'main'],
  chunkNames: 'chunks/[name]-[hash]',
  // They hold native code or start a WebAssembly of their own.
  external: ['better-sqlite3', 'libsodium-wrappers', 'libsodium-wrappers-sumo', 'sodium-native'],
  // What was written as CommonJS asks for node's own modules with require.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  define: { MOBIUS_VERSION: JSON.stringify(version) },
  legalComments: 'linked',
  plugins: [onlyPromptsThatAsk],
  metafile: true,
  logLevel: 'warning',
});
// Which source went where: the start-up test reads it.
writeFileSync(join(dist, 'meta.json'), JSON.stringify(metafile));

// What services verify tokens with: one file that shares nothing with the program, so that it loads nothing of it.
await build({
  absWorkingDir: root,
  entryPoints: ['src/verify-token.ts'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});
const typed = ts.transpileDeclaration(readFileSync(join(root, 'src', 'verify-token.ts'), 'utf8'), {
  fileName: 'verify-token.ts',
  reportDiagnostics: true,
  compilerOptions: { isolatedDeclarations: true, declaration: true, target: ts.ScriptTarget.ES2023 },
});
for (const { messageText } of typed.diagnostics ?? [])
  throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
writeFileSync(join(dist, 'verify-token.d.ts'), typed.outputText);
