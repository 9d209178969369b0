import { describe, expect, test } from 'vitest';
import { importsKeepTheirLayer } from './tidy/imports.ts';
import * as rules from './tidy/rules.ts';
import { type File, listFiles } from './tidy/source.ts';

/** A file as it could be: its path, and its text. */
type Planted = readonly [string, string];

interface House {
  rule: rules.Rule;
  /** Each of these alone breaks it, and is complained of in these words. */
  bad: readonly (readonly [words: string, ...Planted[]])[];
  /** All of these keep it. */
  good: readonly Planted[];
}

/** So that what is planted here is not found here. */
const split = (...parts: string[]): string => parts.join('');

const whole: readonly Planted[] = [
  ['schemas/models/role.json', '{}'],
  ['schemas/openapi.json', '{}'],
  ['schemas/roles/list.json', '{}'],
  ['src/commands/index.ts', ''],
  ['src/commands/roles/list.ts', ''],
  ['src/core/roles.ts', "'roles.list': async () => 1"],
  ['test/scripts/roles/list.txt', ''],
];

const without = (path: string): Planted[] => whole.filter(([name]) => name !== path);

const house: Record<string, House> = {
  'imports keep their layer': {
    rule: importsKeepTheirLayer,
    bad: [
      ['may not', ['src/core/roles.ts', "import { show } from '../cli/show.ts';"]],
      ['may not', ['src/core/roles.ts', "import type { show } from '../cli/show.ts';"]],
      ['may not', ['src/core/roles.ts', "export { show } from '../cli/show.ts';"]],
      ['may not', ['src/core/roles.ts', "const show = await import('../cli/show.ts');"]],
      ['may not', ['src/core/roles.ts', "type Show = import('../cli/show.ts').Show;"]],
      ['may not', ['src/core/roles.ts', "import { openSqlite } from '../store/sqlite.ts';"]],
      ['may not', ['src/core/roles.ts', "import { migrate } from '../store/migrate.ts';"]],
      ['may not', ['src/core/roles.ts', "import { randomBytes } from '../crypto.ts';"]],
      ['may not', ['src/core/roles.ts', "import { makeSealer } from '../vault/sealer.ts';"]],
      ['no I/O', ['src/core/roles.ts', "import { readFileSync } from 'node:fs';"]],
      ['no I/O', ['src/core/roles.ts', "import pg from 'pg';"]],
      ['without node:', ['src/core/roles.ts', "import { readFileSync } from 'fs';"]],
      ['may not', ['src/store/roles.ts', "import { roles } from '../core/roles.ts';"]],
      ['may not', ['src/store/roles.ts', "import { openSqlite } from './sqlite.ts';"]],
      ['may not', ['src/store/roles.ts', "import { connectPostgres } from './postgres-connect.ts';"]],
      ['may not', ['src/vault/open.ts', "import { say } from '../cli/report.ts';"]],
      ['may not', ['src/vault/open.ts', "import { makeCore } from '../core/core.ts';"]],
      ['may not', ['src/server/app.ts', "import { run } from '../cli/run.ts';"]],
      ['may not', ['src/server/app.ts', "import list from '../commands/roles/list.ts';"]],
      ['may not', ['src/cli/show.ts', "import { openLocal } from '../calls/local.ts';"]],
      ['may not', ['src/cli/show.ts', "import { makeCore } from '../core/core.ts';"]],
      ['may not', ['src/cli/show.ts', "import list from '../commands/roles/list.ts';"]],
      ['may not', ['src/cli/profiles.ts', "import { openLocal } from '../calls/local.ts';"]],
      ['may not', ['src/cli/profiles.ts', "import { openVault } from '../vault/open.ts';"]],
      ['may not', ['src/commands/vault/init.ts', "import { createVault } from '../../vault/create.ts';"]],
      ['may not', ['src/commands/roles/list.ts', "import { makeCore } from '../../core/core.ts';"]],
      ['may not', ['src/calls/remote.ts', "import { openSqlite } from '../store/sqlite.ts';"]],
      ['may not', ['src/calls/remote.ts', "import { makeCore } from '../core/core.ts';"]],
      ['may not', ['src/crypto.ts', "import { makeSealer } from './vault/sealer.ts';"]],
      ['may not', ['src/errors.ts', "import { formats } from './formats.ts';"]],
      ['may not', ['src/main.ts', "import { openLocal } from './calls/local.ts';"]],
      ['no layer', ['src/extras/thing.ts', 'export const thing = 1;']],
      ['outside of src', ['src/cli/show.ts', "import { places } from '../../test/places.ts';"]],
      ['only store/sqlite, store/sqlite-binding may', ['src/vault/open.ts', "import Database from 'better-sqlite3';"]],
      [
        'only store/sqlite, store/sqlite-binding may',
        ['src/vault/open.ts', "const Database = require('better-sqlite3');"],
      ],
      [
        'only store/sqlite, store/sqlite-binding may',
        ['src/vault/open.ts', "createRequire(import.meta.url)('better-sqlite3');"],
      ],
      ['only store/postgres, store/postgres-connect may', ['src/store/sqlite.ts', "import pg from 'pg';"]],
      ['only crypto may', ['src/vault/sealer.ts', "import { randomBytes } from 'node:crypto';"]],
      ['only crypto may', ['src/vault/sealer.ts', "import sodium from 'libsodium-wrappers';"]],
      ['only crypto may', ['src/cli/show.ts', "await import('libsodium-wrappers-sumo');"]],
      ['only crypto may', ['src/vault/sealer.ts', "import sodium from 'sodium-native';"]],
      ['only main may', ['src/cli/show.ts', "import { env } from 'node:process';"]],
    ],
    good: [
      ['src/core/roles.ts', "import * as roles from '../store/roles.ts';\nimport { validate } from '../validate.ts';"],
      ['src/core/handlers.ts', "const load = () => import('./roles.ts');"],
      ['src/store/sqlite.ts', "import type Sqlite from 'better-sqlite3';\nimport { resolve } from 'node:path';"],
      ['src/store/postgres-connect.ts', "import pg from 'pg';\nimport { makePool } from './postgres-pool.ts';"],
      ['src/store/roles.ts', "import { table } from './table.ts';\nimport { MobiusError } from '../errors.ts';"],
      ['src/crypto.ts', "import { createHash } from 'node:crypto';\nawait import('sodium-native');"],
      ['src/cli/profiles.ts', "const { openLocal } = await import('../calls/local.ts');"],
      [
        'src/cli/show.ts',
        "import type { Io } from '../io.ts';\nconst text = 'import(\"../core/core.ts\")'; // import './x'",
      ],
      ['src/commands/vault/init.ts', "const { createVault } = await import('../../vault/create.ts');"],
      ['src/tools/gen.ts', "import { commands } from '../commands/index.ts';\nimport { build } from 'esbuild';"],
      ['test/x.test.ts', "import { openSqlite } from '../src/store/sqlite.ts';"],
    ],
  },

  'only main.ts knows the process': {
    rule: rules.onlyMainKnowsTheProcess,
    bad: [
      ['line 2 uses process', ['src/cli/show.ts', '\nconst columns = process.stdout.columns;']],
      ['uses process', ['src/core/core.ts', 'const { env } = process;']],
      ['uses process', ['src/start/core.ts', 'const { env } = process;']],
      ['uses process', ['src/core/core.ts', 'globalThis.process.exit(1);']],
      ['uses process', ['src/core/core.ts', 'const all = { process };']],
      ['uses console', ['src/vault/open.ts', "console.log('here');"]],
    ],
    good: [
      ['src/main.ts', 'process.exitCode = 1;'],
      ['src/start.ts', 'process.argv.slice(2);'],
      ['src/tools/gen.ts', "console.log('made');"],
      [
        'src/cli/show.ts',
        "// the process\nconst text = 'process.env'; child.process.kill(); const o = { process: 1 };",
      ],
      ['test/x.test.ts', 'process.env.X;'],
    ],
  },

  'folders have a meaning': {
    rule: rules.foldersHaveAMeaning,
    bad: [
      ['"utils"', ['src/utils/text.ts', '']],
      ['"helpers"', ['test/helpers/x.ts', '']],
      ['"common"', ['src/core/common/x.ts', '']],
      ['"shared"', ['src/shared/x.ts', '']],
      ['"services"', ['src/services/x.ts', '']],
      ['"utils"', ['src/cli/utils.ts', '']],
      ['"helper"', ['src/cli/helper.ts', '']],
    ],
    good: [
      ['src/core/roles.ts', ''],
      ['docs/shared-vaults.md', ''],
    ],
  },

  'nothing is left to do': {
    rule: rules.nothingIsLeftToDo,
    bad: [
      ['line 2', ['src/core/roles.ts', split('\n// TO', 'DO: later')]],
      ['says', ['test/x.test.ts', split('// FIX', 'ME')]],
      ['says', ['docs/x.md', split('X', 'XX')]],
    ],
    good: [['src/core/roles.ts', 'const todo = 1; // XXXL']],
  },

  'no check is silenced': {
    rule: rules.noCheckIsSilenced,
    bad: [
      ['says', ['src/core/roles.ts', split('// biome-', 'ignore lint: no')]],
      ['says', ['test/x.test.ts', split('// @ts-', 'ignore')]],
      ['says', ['src/core/roles.ts', split('// @ts-', 'nocheck')]],
      ['casts to any', ['src/core/roles.ts', '\nconst x = y as any;']],
      ['casts to any', ['src/core/roles.ts', 'const x = (y as any).z;']],
    ],
    good: [
      ['src/core/roles.ts', "const text = 'as any'; // the same as any other\nconst x = y as unknown as string;"],
      ['src/generated/validators/roles.js', split('// @ts-', 'nocheck')],
    ],
  },

  'no file only hands on': {
    rule: rules.noFileOnlyHandsOn,
    bad: [
      ['hands on', ['src/core/index.ts', "export * from './roles.ts';\nexport { a } from './a.ts';"]],
      ['hands on', ['src/core/index.ts', "import './b.ts';\nexport { a } from './a.ts';"]],
    ],
    good: [
      ['src/core/roles.ts', "export { a } from './a.ts';\nexport const b = 1;"],
      ['src/core/a.ts', "import { a } from './a.ts';\nexport const b = a;"],
      ['src/generated/all.ts', "export * from './roles.ts';"],
      ['src/cli/ask.ts', "export { confirm } from '@inquirer/prompts';"],
    ],
  },

  'every operation runs through every layer': {
    rule: rules.everyOperationRunsThroughEveryLayer,
    bad: [
      ['has no src/commands/roles/list.ts', ...without('src/commands/roles/list.ts')],
      ["has no handler 'roles.list'", ...without('src/core/roles.ts')],
      ["has no handler 'roles.list'", ...without('src/core/roles.ts'), ['src/core/roles.ts', "'roles.get': 1"]],
      [
        'has no src/commands/run.ts',
        ...without('schemas/roles/list.json'),
        ['schemas/roles/list.json', '{"commands":["roles show","run"]}'],
        ['src/commands/roles/show.ts', ''],
      ],
    ],
    good: whole,
  },

  'every command has a script': {
    rule: rules.everyCommandHasAScript,
    bad: [
      ['has no test/scripts/roles/list.txt', ...without('test/scripts/roles/list.txt')],
      ['has no test/scripts/quickstart.txt', ['src/commands/quickstart.ts', '']],
    ],
    good: [...whole, ['src/commands/doctor.ts', ''], ['test/scripts/doctor.txt', '']],
  },

  'only one file tells systems apart': {
    rule: rules.onlyOneFileTellsSystemsApart,
    bad: [
      ['says', ['src/use/x.ts', "const a = io.platform === 'win32';"]],
      ['says', ['src/use/x.ts', 'if (platform !== here) return;']],
      ['says', ['src/use/x.ts', 'const names = ["darwin"];']],
    ],
    good: [
      ['src/platform.ts', "const a = platform === 'win32';"],
      ['src/tools/x.ts', "const a = process.platform === 'win32';"],
      ['src/use/x.ts', "if (modesTell(io.platform)) return; // 'linux-like'"],
    ],
  },

  'lines end alike': {
    rule: rules.linesEndAlike,
    bad: [['CR LF', ['test/golden/help.txt', 'one\r\ntwo\n']]],
    good: [
      ['test/golden/help.txt', 'one\ntwo\r'],
      ['test/frozen/v1/vault.db', '\r\n'],
    ],
  },

  'no word of the workplace': {
    rule: rules.noWordOfTheWorkplace,
    bad: [
      ['line 1', ['src/core/roles.ts', split('// see /wo', 'rk/main/x')]],
      ['says', ['docs/x.md', split('as in iss', 'ue #12')]],
      ['says', ['docs/x.md', split('as in Iss', 'ue #12')]],
      ['says', ['test/x.test.ts', split('// a help', 'er agent wrote this')]],
      ['says', ['.ci/run', split('npm install --regis', 'try https://regis', 'try.npmjs.org')]],
    ],
    good: [['docs/x.md', 'see https://example.org/homework/a and ./framework/b; open an issue']],
  },

  'the lock file names no host': {
    rule: rules.theLockFileNamesNoHost,
    bad: [
      ['says', ['package-lock.json', '"resolved": "https://npm.example.org/chalk.tgz"']],
      ['says', ['package-lock.json', '"something": "registry.example.org"']],
    ],
    good: [
      ['package-lock.json', '"url": "https://github.com/chalk/chalk?sponsor=1"'],
      ['docs/x.md', '"resolved": "https://npm.example.org/chalk.tgz"'],
    ],
  },

  'no file is too long': {
    rule: rules.noFileIsTooLong,
    bad: [['has 401 lines', ['src/core/roles.ts', '\n'.repeat(401)]]],
    good: [
      ['src/core/roles.ts', '\n'.repeat(400)],
      ['src/generated/types.ts', '\n'.repeat(500)],
      ['test/roles.test.ts', '\n'.repeat(500)],
      ['README.md', '\n'.repeat(500)],
    ],
  },
};

const files = (planted: readonly Planted[]): File[] => planted.map(([path, text]) => ({ path, text }));
const project = listFiles();

test('the files of the project are found, and nothing that is built or installed', () => {
  const paths = project.map(({ path }) => path);
  for (const path of [
    'package.json',
    'src/main.ts',
    'src/store/sqlite.ts',
    'test/tidy.test.ts',
    'schemas/roles/list.json',
  ]) {
    expect(paths).toContain(path);
  }
  expect(paths.filter((path) => /node_modules|^dist|^\.git\//.test(path))).toEqual([]);
});

describe.each(Object.entries(house))('%s', (_, { rule, bad, good }) => {
  test('in the project', () => {
    expect(rule(project)).toEqual([]);
  });

  test.each(bad.map(([words, ...planted]) => ({ words, planted, as: planted.at(-1)?.join(': ') })))(
    'not in $as',
    ({ words, planted }) => {
      const problems = rule(files(planted));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toContain(words);
    },
  );

  test('not where there is nothing wrong', () => {
    expect(rule(files(good))).toEqual([]);
  });
});

test('every rule is used', () => {
  const used = new Set(Object.values(house).map(({ rule }) => rule));
  expect(Object.entries(rules).filter(([, rule]) => !used.has(rule))).toEqual([]);
});
