import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, toNamespacedPath } from 'node:path';
import type { Script } from 'node:vm';
import { type Caches, findCaches, type Kept, readKept } from './code-cache.ts';
import { writeAll } from './write.ts';

/** What the built program begins with; it is compiled anew each time. The build puts these in. */
declare const MOBIUS_BUILD: string;
declare const MOBIUS_VERSION_TEXT: string;
/** Every noun and verb, and the short ways to them, each on a line: a list takes longer to read. */
declare const MOBIUS_COMMANDS: string;

/** Words of a person must not become names of files: only a command that there is has a cache of its own. */
const isKnown = (command: string): boolean => !command.includes('\n') && MOBIUS_COMMANDS.includes(`\n${command}\n`);

const commandOf = (noun = '', verb = ''): string => {
  if (isKnown(`${noun} ${verb}`)) return `${noun}-${verb}`;
  return isKnown(noun) && !noun.includes(' ') ? noun : 'other';
};

interface Compiled {
  script: Script;
  path: string;
  kept: Kept;
}

const loaded = new Map<string, unknown>();
const compiled: Compiled[] = [];
let command = '';
let caches: Caches | undefined;

/** Where a file of a package lies, in the folders in which Node looks for it. */
const findInstalled = (name: string): string => {
  for (let folder = __dirname, above = dirname(folder); folder !== above; folder = above, above = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return path;
  }
  return require.resolve(name);
};

/** An addon, without what Node asks before it loads one: each folder above it, and what its package says of itself. */
const loadAddon = (name: string): unknown => {
  const path = findInstalled(name);
  const module = { exports: loaded.get(path) ?? {} };
  if (!loaded.has(path)) process.dlopen(module, toNamespacedPath(path));
  loaded.set(path, module.exports);
  return module.exports;
};

const cacheOf = (path: string, { folder }: Caches): string =>
  join(folder, `${MOBIUS_BUILD}-${command}-${basename(path, '.cjs')}-${process.version}-${process.arch}`);

/** As Node would load a CommonJS file, but the build has put the function around it, and it was compiled before. */
const load = (path: string): unknown => {
  if (loaded.has(path)) return loaded.get(path);
  const vm = require('node:vm') as typeof import('node:vm');
  const source = readFileSync(path, 'latin1');
  const cache = caches && cacheOf(path, caches);
  const kept = cache !== undefined && caches?.isTrusted === true ? readKept(process, cache) : { done: '' };
  const script = new vm.Script(source, { filename: path, ...(kept.data && { cachedData: kept.data }) });
  if (cache !== undefined) compiled.push({ script, path: cache, kept });
  const module = { exports: {} };
  // What lies in a folder below finds the same packages as this file.
  const requireIn = (name: string): unknown => {
    if (name.startsWith('./')) return load(join(dirname(path), name));
    if (name.endsWith('.node')) return loadAddon(name);
    // Without the way of a package, which is longer; the first of Node 20 know no other.
    return process.getBuiltinModule?.(name) ?? require(name);
  };
  script.runInThisContext()(Object.assign(requireIn, require), module, module.exports, path, dirname(path));
  loaded.set(path, module.exports);
  return module.exports;
};

/**
 * At the end, for then there are the functions that ran. What ran depends on more than the command: its help, a vault that
 * isn't there yet or the agent's answer leave out most of it. So what a run adds is added, until none adds anything.
 */
const keepCompiled = (done: string, at: Caches): void => {
  for (const { script, path, kept } of compiled) {
    const before = script.cachedDataRejected === true ? '' : kept.done;
    if (before === done) continue;
    const known = before.split(',');
    const more = done.split(',').filter((one) => !known.includes(one));
    if (more.length === 0) continue;
    const { keep } = require(join(__dirname, 'keep.cjs')) as typeof import('./code-cache-keep.ts');
    keep(process, at, path, script.createCachedData(), before === '' ? done : `${before},${more.join()}`);
  }
};

/** What is answered without the program. */
const answerTo = (word: string): string | undefined => {
  if (word === '--version') return MOBIUS_VERSION_TEXT;
  if (!['--help', '-h', 'help'].includes(word)) return undefined;
  return readFileSync(join(__dirname, 'help.txt'), 'utf8');
};

const isAnswered = (word: string): boolean => {
  try {
    const answer = answerTo(word);
    if (answer !== undefined) writeAll(1, answer);
    return answer !== undefined;
  } catch {
    // The program tells what is wrong with where it was to go.
    return false;
  }
};

const start = ([noun = 'help', ...others]: readonly string[]): void => {
  if (others.length === 0 && isAnswered(noun)) return;
  command = commandOf(noun, others[0]);
  caches = findCaches(process);
  const program = join(__dirname, 'program', 'main.cjs');
  process.on('exit', (code) => {
    const { made = [] } = (loaded.get(program) ?? {}) as { made?: readonly unknown[] };
    try {
      if (caches !== undefined) keepCompiled(`${Object.keys(made).join()},${code === 0 ? 'well' : 'failed'}`, caches);
    } catch {
      // What ran may have put another program in the place of this one, or taken it away.
    }
  });
  load(program);
};

start(process.argv.slice(2));
