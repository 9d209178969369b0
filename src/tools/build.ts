import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, transform } from 'esbuild';
import ts from 'typescript';
import { rootHelp } from '../cli/help.ts';
import { product } from '../cli/product.ts';
import { validatorsOf } from '../generated/validators.ts';
import {
  apart,
  bundledBindings,
  keepApart,
  lateBuiltins,
  onlyPromptsThatAsk,
  plan,
  requireAtHand,
  root,
  webAssemblyApart,
  withoutNeverAsked,
} from './bundling.ts';
import { licensesOf } from './licenses.ts';
import { packsOf } from './packs.ts';
import { mapLines } from './source-lines.ts';

/** Made beside the one that is there, which others may be running. */
const made = `dist.${process.pid}`;
const program = join(root, made, 'program');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

const commonJs = {
  ...common,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: {
    MOBIUS_VERSION: JSON.stringify(version),
    'import.meta.filename': '__filename',
    'import.meta.dirname': '__dirname',
  },
  supported: { 'dynamic-import': false },
  metafile: true,
} satisfies BuildOptions;

const lineLimit = 120;

/** What `start.ts` loads: the function that it calls is written here, for to put it around there copies all of the file. */
const head = '(function (require, module, exports, __filename, __dirname) {';
const tail = '})';
const ofProgram = { ...commonJs, banner: { js: head }, footer: { js: tail } } satisfies BuildOptions;

mkdirSync(program, { recursive: true });
process.once('exit', () => {
  for (const left of [made, `${made}.old`]) rmSync(join(root, left), { recursive: true, force: true });
});
const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
// What builds left that were stopped.
for (const name of readdirSync(root)) {
  const pid = /^dist\.(\d+)(?:\.old)?$/.exec(name)?.[1];
  if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
}
const divided = await build({
  ...commonJs,
  format: 'esm',
  outExtension: { '.js': '.js' },
  supported: {},
  splitting: true,
  write: false,
  entryPoints: ['src/main.ts'],
  outdir: `${made}/program`,
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit,
  sourcemap: 'external',
  sourcesContent: false,
  external: ['bindings', 'better-sqlite3/build/*', 'libsodium-wrappers-sumo'],
  plugins: [withoutNeverAsked, lateBuiltins, requireAtHand, bundledBindings, keepApart],
});
const packs = packsOf(divided, plan);
for (const { name, text, pieces } of packs) {
  // Names as short as can be: V8 takes up each one of them at each start.
  const { code, map } = await transform(head + text + tail, {
    minifyIdentifiers: true,
    minifyWhitespace: true,
    lineLimit,
    target: common.target,
    sourcemap: 'external',
  });
  const { mappings } = JSON.parse(map) as { mappings: string };
  const path = join(program, `${name}.cjs`);
  writeFileSync(path, code);
  writeFileSync(`${path}.map`, mapLines(head, text, pieces, mappings));
}
const libraries = await build({
  ...ofProgram,
  entryPoints: Object.fromEntries(Object.entries(apart).map(([name, path]) => [basename(name), path])),
  outdir: `${made}/program`,
  mainFields: ['module', 'main'],
  plugins: [onlyPromptsThatAsk],
});
const wasm = await build({
  ...ofProgram,
  entryPoints: ['libsodium-wrappers'],
  outdir: `${made}/program`,
  // It is an ES module with a default; to who imports a CommonJS file, all of that is the default.
  footer: { js: `module.exports = module.exports.default;${tail}` },
  plugins: [webAssemblyApart(program)],
});
const generated = await build({
  ...ofProgram,
  entryPoints: Object.keys(validatorsOf).map((noun) => `src/generated/validators/${noun}.js`),
  outdir: `${made}/program/validators`,
  minify: true,
});

const hash = createHash('sha256');
for (const name of readdirSync(program, { recursive: true, encoding: 'utf8' }).sort()) {
  if (name.endsWith('.cjs')) hash.update(readFileSync(join(program, name)));
}
const commands = [
  ...Object.entries(product.commands).flatMap(([noun, verbs]) =>
    Object.keys(verbs).map((verb) => `${noun} ${verb}`.trim()),
  ),
  ...Object.keys(product.aliases),
];
// Read by itself where it is asked for: all else has to be compiled at each start.
writeFileSync(join(root, made, 'help.txt'), rootHelp(product));
const start = await build({
  ...commonJs,
  entryPoints: { start: 'src/start.ts', keep: 'src/code-cache-keep.ts' },
  outdir: made,
  minify: true,
  define: {
    ...commonJs.define,
    MOBIUS_BUILD: JSON.stringify(hash.digest('hex').slice(0, 16)),
    MOBIUS_VERSION_TEXT: JSON.stringify(`mobius ${version}\n`),
    MOBIUS_COMMANDS: JSON.stringify(`\n${commands.join('\n')}\n`),
  },
});

// Which source went where: the start-up test reads it.
const outputs = [
  ...packs.map(({ name, inputs, imports, parts }) => [`dist/program/${name}.cjs`, { inputs, imports, parts }] as const),
  ...[libraries, wasm, generated, start].flatMap(({ metafile }) =>
    Object.entries(metafile.outputs).map(([path, output]) => [path.replace(made, 'dist'), output] as const),
  ),
];
writeFileSync(join(root, made, 'meta.json'), JSON.stringify({ outputs: Object.fromEntries(outputs) }));

// Whose work was bundled, and under which terms.
const sources = outputs.flatMap(([, { inputs }]) => Object.keys(inputs));
writeFileSync(join(root, made, 'licenses.txt'), licensesOf(sources));

// What services verify tokens with: one file that shares nothing with the program, so that it loads nothing of it.
await build({ ...common, entryPoints: ['src/verify-token.ts'], outdir: made, format: 'esm' });
const typed = ts.transpileDeclaration(readFileSync(join(root, 'src', 'verify-token.ts'), 'utf8'), {
  fileName: 'verify-token.ts',
  reportDiagnostics: true,
  compilerOptions: { isolatedDeclarations: true, declaration: true, target: ts.ScriptTarget.ES2023 },
});
for (const { messageText } of typed.diagnostics ?? [])
  throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
writeFileSync(join(root, made, 'verify-token.d.ts'), typed.outputText);

/** Who runs the program meanwhile finds the old one or the new one; who builds it too may have been quicker. */
for (let tries = 1; ; tries++) {
  const old = join(root, `${made}.old`);
  rmSync(old, { recursive: true, force: true });
  try {
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
    renameSync(join(root, made), join(root, 'dist'));
    break;
  } catch (error) {
    if (tries === 5) throw error;
  }
}
