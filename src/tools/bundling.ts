import * as crypto from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import { basename, join } from 'node:path';
import type { Plugin } from 'esbuild';
import type { Plan } from './packs.ts';

/** What the bundler is told, so that the program loads no more than what is used. */

export const root = join(import.meta.dirname, '..', '..');

/**
 * The prompts say in their package.json that an unused one may be left out, but a second one beside their ESM files hides
 * it; unread, they would bring an editor and the tables of every character set, 690 kB.
 */
export const onlyPromptsThatAsk: Plugin = {
  name: 'only-prompts-that-ask',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^@inquirer\// }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'seen') return undefined;
      return { ...(await resolve(path, { ...options, pluginData: 'seen' })), sideEffects: false };
    });
  },
};

/** What libraries take along of Node for things that this product never asks of them. */
const neverAsked: readonly { name: string; of: RegExp; instead: string }[] = [
  // To start programs beside its own; with it comes all of the network.
  { name: 'node:child_process', of: /[\\/]commander[\\/]/, instead: '' },
  // To look whether a backup has a place: ours are made without its own way to make them.
  {
    name: 'util',
    of: /[\\/]better-sqlite3[\\/]/,
    instead: "exports.promisify = () => () => Promise.reject(new Error('it is not asked for'));",
  },
  // To check what `crypto.ts` has checked before; with it come the colours of its errors.
  {
    name: 'assert',
    of: /[\\/]sodium-native[\\/]/,
    instead: 'module.exports = (holds, message) => { if (!holds) throw new Error(message); };',
  },
];

export const withoutNeverAsked: Plugin = {
  name: 'without-never-asked',
  setup: ({ onResolve, onLoad }) => {
    for (const { name, of, instead } of neverAsked) {
      const filter = new RegExp(`^${name}$`);
      onResolve({ filter }, ({ importer }) =>
        of.test(importer) ? { path: name, namespace: 'never-asked' } : undefined,
      );
      onLoad({ filter, namespace: 'never-asked' }, () => ({ contents: instead }));
    }
  },
};

/** Those of Node that it has not loaded by itself, and that most commands don't use: a tenth of our start. */
const late: Readonly<Record<string, object>> = { 'node:crypto': crypto, 'node:os': os };

/** Loads it when it is called, or when something of it is read. */
const lateExport = (found: string, value: unknown): string => {
  if (typeof value === 'function') return `(...args) => ${found}(...args)`;
  const getters = Object.keys(value as object).map((name) => `get ${name}() { return ${found}.${name}; }`);
  return `{ ${getters} }`;
};

export const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup: ({ onResolve, onLoad }) => {
    for (const [builtin, members] of Object.entries(late)) {
      const filter = new RegExp(`^${builtin}$`);
      onResolve({ filter }, ({ path, namespace }) => (namespace === 'late' ? undefined : { path, namespace: 'late' }));
      const contents = Object.entries(members)
        .filter(([name, value]) => name !== 'default' && ['function', 'object'].includes(typeof value))
        .map(([name, value]) => `export const ${name} = ${lateExport(`require('${builtin}').${name}`, value)};`);
      onLoad({ filter, namespace: 'late' }, () => ({ contents: contents.join('\n') }));
    }
  },
};

/** `start.ts` hands each file a `require`; making another would load the half of Node that reads ES modules. */
export const requireAtHand: Plugin = {
  name: 'require-at-hand',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:module$/ }, ({ path }) => ({ path, namespace: 'at-hand' }));
    onLoad({ filter: /.*/, namespace: 'at-hand' }, () => ({ contents: 'exports.createRequire = () => require;' }));
  },
};

/** Of the functions of sodium-native those that `crypto.ts` names: eight of a hundred and fifty. */
const onlyNamed = (source: string, user: string): string => {
  const [head = '', ...functions] = source.split(/^(?=exports\.)/m);
  const copied = 'module.exports = exports = { ...binding }';
  if (!head.includes(copied)) throw new Error('sodium-native hands out its functions in another way');
  const named = functions.filter((text) => user.includes(`.${/^exports\.(\w+)/.exec(text)?.[1]}(`));
  return head.replace(copied, 'module.exports = exports = Object.create(binding)') + named.join('');
};

/** Both bindings of libsodium, and SQLite's: the JavaScript is bundled, and finds the addon that was installed. */
export const bundledBindings: Plugin = {
  name: 'bundled-bindings',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]sodium-native[\\/]index\.js$/ }, ({ path }) => ({
      contents: onlyNamed(readFileSync(path, 'utf8'), readFileSync(join(root, 'src', 'crypto.ts'), 'utf8')),
    }));
    // Its own way asks seven packages where the addon may be.
    onLoad({ filter: /[\\/]sodium-native[\\/]binding\.js$/ }, () => ({
      contents: [
        "const folder = process.platform + '-' + process.arch;",
        "module.exports = require('sodium-native/prebuilds/' + folder + '/sodium-native.node');",
      ].join('\n'),
    }));
  },
};

/** It brings its WebAssembly as a text in base64, a third longer and to be read first: here it is a file beside. */
export const webAssemblyApart = (folder: string): Plugin => ({
  name: 'web-assembly-apart',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]libsodium\.mjs$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const [text, assign = '', base64 = ''] =
        /(\w+\?\?=)\(\w+=>\{[^"]*"="[^"]*"="[^"]*\}\)\("(AGFzbQ[^"]+)"\)/.exec(source) ?? [];
      const [start, bytes, imports] = /await WebAssembly\.instantiate\((\w+),(\w+)\)/.exec(source) ?? [];
      if (text === undefined || start === undefined) throw new Error('libsodium brings its WebAssembly in another way');
      writeFileSync(join(folder, 'libsodium.wasm'), Buffer.from(base64, 'base64'));
      const file = "require('node:fs').readFileSync(require('node:path').join(__dirname, 'libsodium.wasm'))";
      // At once: what is done beside takes longer, for it is done whole.
      const instance = `{ instance: new WebAssembly.Instance(new WebAssembly.Module(${bytes}), ${imports}) }`;
      const contents = source.replace(text, () => assign + file).replace(start, () => instance);
      return { contents: contents.replaceAll('import.meta.url', '__filename') };
    });
  },
});

/** Libraries that few commands use: each in a file of its own, which is read when the first of its exports is. */
export const apart: Readonly<Record<string, string>> = {
  '@inquirer/prompts': 'src/cli/ask.ts',
  chalk: 'chalk',
  'cli-table3': 'cli-table3',
  fastify: 'fastify',
  'https-proxy-agent': 'https-proxy-agent',
  pg: 'pg',
  'prom-client': 'prom-client',
  'smol-toml': 'smol-toml',
  yaml: 'yaml',
};

/** Those, and the validators: each noun's have a file of their own too. */
export const keepApart: Plugin = {
  name: 'keep-apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/validators\/.*\.js$/ }, ({ path }) => ({
      path: path.replace(/\.js$/, '.cjs'),
      external: true,
    }));
    for (const name of [...Object.keys(apart), 'libsodium-wrappers']) {
      onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind }) =>
        kind === 'entry-point' ? undefined : { path: `./${basename(name)}.cjs`, external: true },
      );
    }
  },
};

/** In which file each part of the program is: what is used most begins with these, and all else is read when it is needed. */
export const plan: Plan = {
  main: 'src/main.ts',
  packs: {
    main: [
      'src/calls/remote.ts',
      'node_modules/sodium-native/index.js',
      'src/audit/settings.ts',
      'src/calls/local.ts',
      'src/calls/socket.ts',
      'src/cli/run.ts',
      'src/commands/api-keys/create.ts',
      'src/commands/api-keys/list.ts',
      'src/commands/api-keys/verify.ts',
      'src/commands/auth/whoami.ts',
      'src/commands/run.ts',
      'src/commands/secrets/get.ts',
      'src/core/api-keys.ts',
      'src/core/auth.ts',
      'src/core/due-versions.ts',
      'src/core/principals.ts',
      'src/core/secrets.ts',
      'src/generated/fields/api-keys.ts',
      'src/generated/fields/auth.ts',
      'src/generated/fields/secrets.ts',
      'src/store/api-keys.ts',
      'src/store/sessions.ts',
      'src/use/child.ts',
      'src/use/dotenv.ts',
      'src/use/environment.ts',
      'src/use/program.ts',
      'src/use/resolve.ts',
      'src/validate.ts',
      'src/vault/open.ts',
    ],
    parser: ['node_modules/commander/esm.mjs'],
  },
  rest: 'others',
};
