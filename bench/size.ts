import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printBesideNode, script } from './process.ts';

/** What an installation takes, and what each of its packages costs at the start alone: `tsx bench/size.ts [runs]`. */
const root = join(import.meta.dirname, '..');

interface Locked {
  dev?: boolean;
  devOptional?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};

const sizeOf = (path: string): number => {
  const found = lstatSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
};

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** Where Node would find a package that one at this place asks for. */
const placeOf = (from: string, name: string): string | undefined => {
  const own = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[own] !== undefined) return own;
  return from === '' ? undefined : placeOf(from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name);
};

/** The places of a package and of all that it brings, as far as they are installed here. */
const treeOf = (place: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(place) || !existsSync(join(root, place))) return seen;
  seen.add(place);
  const { dependencies, optionalDependencies } = packages[place] ?? {};
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const found = placeOf(place, name);
    if (found !== undefined) treeOf(found, seen);
  }
  return seen;
};

const total = (places: Iterable<string>): number =>
  [...places].reduce((sum, place) => sum + sizeOf(join(root, place)), 0);

const { dependencies = {}, optionalDependencies = {} } = packages[''] ?? {};
const direct = Object.keys({ ...dependencies, ...optionalDependencies });
const trees = direct.map((name) => treeOf(`node_modules/${name}`));
const all = new Set(trees.flatMap((tree) => [...tree]));
const own = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }).files
  .filter((name) => !name.startsWith('!') && existsSync(join(root, name)))
  .map((name) => [name, sizeOf(join(root, name))] as const);

process.stdout.write(`\nInstalled: ${all.size} packages besides its own, ${megabytes(total(all))} together\n\n`);
for (const [at, name] of direct.entries()) {
  const tree = trees[at] ?? new Set();
  process.stdout.write(`${name}: ${megabytes(total(tree))} in ${tree.size} packages\n`);
}
for (const [name, size] of own) process.stdout.write(`its own ${name}: ${megabytes(size)}\n`);

process.stdout.write('\n');
await printBesideNode(
  'loaded alone, as the package would have itself loaded',
  direct
    .filter((_, at) => (trees[at]?.size ?? 0) > 0)
    .map((name) => ({ name, process: script(`require(${JSON.stringify(join(root, 'node_modules', name))})`) })),
  Number(process.argv[2] ?? 9),
);
