import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { type File, type Import, importsOf } from './source.ts';

interface Layer {
  /** Files by their path below src; a folder ends in a slash. The first layer that has a file is its own. */
  files: readonly string[];
  /** What its files may import besides each other and what everyone may. */
  may: readonly string[];
  /** Only by `import()`: it must not be loaded with the file. */
  lazily?: readonly string[];
  /** Only as types. */
  types?: readonly string[];
  /** Exceptions from `may` and from each other. */
  never?: readonly string[];
}

const everyone = [
  'errors',
  'operations',
  'io',
  'platform',
  'ready',
  'spelled',
  'trace',
  'utf8',
  'vault-place',
  'database-url',
  'generated/',
];
const engines = [
  'store/sqlite',
  'store/sqlite-binding',
  'store/sqlite-faults',
  'store/sqlite-statements',
  'store/sqlite-transactions',
  'store/postgres',
  'store/postgres-connect',
  'store/postgres-pool',
  'store/migrate',
  'store/migrations',
];
const anything = ['']; // A prefix of every path.

/** Who may import whom. What is in no layer may not be there. */
const layers: readonly Layer[] = [
  { files: ['generated/', 'tools/'], may: anything },
  {
    files: [
      'errors',
      'io',
      'platform',
      'ready',
      'spelled',
      'trace',
      'utf8',
      'version',
      'uuid',
      'formats',
      'operations',
      'database-url',
      'vault-place',
      'write',
      'code-cache',
    ],
    may: [],
  },
  { files: ['validate'], may: ['formats'] },
  { files: ['crypto', 'sodium-native.d'], may: [] },
  { files: ['passwords'], may: ['crypto'] },
  // It goes out by itself, to services that have nothing else of mobius.
  { files: ['verify-token'], may: ['crypto', 'core/carries', 'core/jwt-text'] },
  { files: ['code-cache-keep'], may: ['code-cache'] },
  { files: ['start'], may: ['code-cache', 'code-cache-keep', 'write'] },
  { files: ['main'], may: ['cli/run', 'crypto', 'uuid', 'write'] },
  {
    files: ['cli/profiles'],
    may: ['cli/'],
    lazily: ['audit/settings', 'calls/', 'dialects/names', 'vault/keychain'],
    types: ['calls/', 'vault/open'],
  },
  { files: ['cli/agent'], may: ['cli/'], lazily: ['calls/', 'crypto'] },
  { files: ['cli/agent-process'], may: ['cli/'], types: ['vault/unlock'] },
  {
    files: ['cli/destination'],
    may: ['cli/', 'core/key-format'],
    lazily: ['calls/http', 'dialects/names'],
    types: ['dialects/names'],
  },
  {
    files: ['cli/doctor/'],
    may: ['cli/'],
    lazily: ['audit/', 'calls/http', 'crypto', 'vault/glance', 'version'],
  },
  { files: ['cli/names'], may: ['cli/'], lazily: ['calls/local'] },
  { files: ['cli/expiring'], may: ['cli/', 'core/carries'] },
  { files: ['cli/speech'], may: ['cli/'], lazily: ['calls/speech', 'dialects/names'], types: ['calls/speech'] },
  { files: ['cli/sign-in'], may: ['cli/', 'version'], types: ['calls/speech'] },
  {
    files: ['cli/'],
    may: ['commands/index', 'formats'],
    lazily: ['commands/', 'crypto', 'use/', 'validate', 'version', 'vault/passphrase'],
    types: ['calls/speech', 'dialects/names'],
  },
  {
    files: ['commands/'],
    may: [
      'audit/follow',
      'cli/agent',
      'cli/agent-process',
      'cli/command',
      'cli/completion/scripts',
      'cli/credential-text',
      'cli/credentials',
      'cli/database',
      'cli/deliver',
      'cli/destination',
      'cli/expiring',
      'cli/not-built',
      'cli/passphrases',
      'cli/passwords',
      'cli/profiles',
      'cli/progress',
      'cli/project-file',
      'cli/recovery',
      'cli/request',
      'cli/secret-values',
      'cli/shell',
      'cli/sign-in',
      'cli/speech',
      'cli/times',
      'cli/values-form',
      'cli/variables',
      'core/key-format',
      'dialects/names',
      'rotation/flags',
    ],
    lazily: [
      'audit/',
      'cli/completion/',
      'cli/doctor/',
      'cli/names',
      'cli/suggest',
      'calls/local',
      'crypto',
      'rotation/',
      'server/',
      'use/',
      'vault/',
    ],
    types: ['rotation/', 'server/', 'use/', 'vault/'],
  },
  {
    files: ['calls/local'],
    may: ['calls/', 'core/', 'vault/', 'store/', 'crypto', 'passwords'],
    lazily: ['audit/anchor-file'],
  },
  { files: ['calls/'], may: ['dialects/', 'core/ids', 'crypto', 'version'] },
  { files: ['server/serve'], may: ['server/', 'calls/local', 'core/ids', 'dialects/'], types: ['vault/open'] },
  { files: ['server/beside', 'server/device-cookies', 'server/device-page'], may: ['server/', 'core/', 'crypto'] },
  { files: ['server/agent'], may: ['server/', 'store/files', 'version'], types: ['vault/open'] },
  { files: ['server/'], may: ['core/', 'dialects/', 'validate', 'use/tree'] },
  { files: ['dialects/'], may: ['core/carries', 'core/ids', 'core/manner'] },
  { files: ['use/'], may: ['crypto', 'core/key-format'] },
  // What this machine does with a log: reads on, keeps its ends, holds them against it.
  { files: ['audit/'], may: ['cli/'], types: ['core/journal', 'vault/open'] },
  // How this machine brings a new key or version to whoever uses it.
  { files: ['rotation/'], may: ['cli/', 'crypto', 'formats', 'use/'] },
  { files: ['core/'], may: ['store/', 'validate', 'formats'], types: ['passwords'], never: engines },
  { files: ['vault/'], may: ['store/', 'crypto', 'core/ids', 'core/key-format'] },
  {
    files: [
      'store/sqlite',
      'store/sqlite-binding',
      'store/sqlite-faults',
      'store/sqlite-statements',
      'store/sqlite-transactions',
      'store/postgres',
      'store/postgres-connect',
      'store/migrate',
    ],
    may: ['store/'],
  },
  { files: ['store/'], may: [], never: engines },
];

/** Packages and parts of Node that only these files may import. */
const owned: readonly [RegExp, readonly string[]][] = [
  [/^better-sqlite3(\/|$)/, ['store/sqlite', 'store/sqlite-binding']],
  [/^pg\b/, ['store/postgres', 'store/postgres-connect']],
  [/^(libsodium|sodium-)|^node:crypto$/, ['crypto']],
  [/^node:(process|console)$/, ['main']],
];

const covers = (entries: readonly string[], path: string): boolean =>
  entries.some((entry) => entry === path || entry === '' || (entry.endsWith('/') && path.startsWith(entry)));

const nameOf = (path: string): string => path.replace(/^src\//, '').replace(/\.[jt]s$/, '');

const inLayer = (name: string): Layer | undefined => layers.find(({ files }) => covers(files, name));

const allows = (layer: Layer, target: string, { lazy, typeOnly }: Import): boolean => {
  if (covers(layer.never ?? [], target)) return false;
  const own = layer.files.filter((entry) => entry.endsWith('/'));
  if (covers([...everyone, ...own, ...layer.may], target)) return true;
  return (lazy && covers(layer.lazily ?? [], target)) || (typeOnly && covers(layer.types ?? [], target));
};

const objection = (file: File, layer: Layer, found: Import): string | undefined => {
  const { specifier } = found;
  const name = nameOf(file.path);
  if (specifier.startsWith('.')) {
    const path = posix.join(posix.dirname(file.path), specifier);
    if (!path.startsWith('src/')) return 'it is outside of src';
    return allows(layer, nameOf(path), found) ? undefined : 'its layer may not';
  }
  if (layer.may === anything) return undefined;
  if (isBuiltin(specifier) && !specifier.startsWith('node:')) return 'it is written without node:';
  if (name.startsWith('core/')) return 'the core does no I/O and needs no package';
  const [, owners = [name]] = owned.find(([what]) => what.test(specifier)) ?? [];
  return owners.includes(name) ? undefined : `only ${owners.join(', ')} may`;
};

const problemsOf = (file: File): string[] => {
  const layer = inLayer(nameOf(file.path));
  if (layer === undefined) return [`${file.path} is in no layer`];
  return importsOf(file).flatMap((found) => {
    const why = objection(file, layer, found);
    return why === undefined ? [] : [`${file.path} imports "${found.specifier}": ${why}`];
  });
};

export const importsKeepTheirLayer = (files: readonly File[]): string[] =>
  files.filter(({ path }) => /^src\/.*\.ts$/.test(path)).flatMap(problemsOf);
