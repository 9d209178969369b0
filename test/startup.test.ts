import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'mobius-startup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where nothing can be written, so that all is compiled anew, and counted. */
const uncached = { XDG_CACHE_HOME: '/dev/null' };

interface Meta {
  outputs: Record<
    string,
    {
      inputs: Record<string, { bytesInOutput: number }>;
      imports: { path: string; external?: boolean }[];
      parts?: Record<string, string[]>;
    }
  >;
}

const outputsOf = (): Meta['outputs'] =>
  (JSON.parse(readFileSync(join(root, 'dist', 'meta.json'), 'utf8')) as Meta).outputs;

const mobius = (args: readonly string[], env: Readonly<Record<string, string>> = {}): void => {
  const { status, stderr } = spawnSync(process.execPath, ['bin/mobius.js', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
};

/** Of a package its name says enough; of our own files each one counts. */
const nameOf = (path: string): string => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;

interface Script {
  url: string;
  functions: { functionName: string; ranges: { count: number }[] }[];
}

/**
 * Of the sources inside a file of the build those that ran: each is in a function that has a part's name, or its own path
 * as its name.
 */
const sourcesIn = ({ functions }: Script, { inputs, parts = {} }: Meta['outputs'][string]): string[] => {
  const counts = new Map(functions.map(({ functionName, ranges: [whole] }) => [functionName, whole?.count]));
  const idle = Object.entries(parts).flatMap(([name, sources]) => (counts.get(name) === 0 ? sources : []));
  return Object.keys(inputs).filter(
    (source) => (inputs[source]?.bytesInOutput ?? 0) > 0 && counts.get(source) !== 0 && !idle.includes(source),
  );
};

/** The engine's own record of what it loaded, with the files of the build traced back to the sources inside them. */
const loadedBy = (args: readonly string[]): string[] => {
  const coverage = mkdtempSync(join(folder, 'coverage-'));
  mobius(args, { NODE_V8_COVERAGE: coverage, ...uncached });
  const outputs = outputsOf();
  const scripts = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: Script[] };
    return result.filter(({ url }) => url.startsWith('file:') || isAbsolute(url));
  });
  const sources = scripts.flatMap((script) => {
    const path = relative(root, script.url.startsWith('file:') ? fileURLToPath(script.url) : script.url);
    const output = outputs[path];
    return output === undefined ? [path] : sourcesIn(script, output);
  });
  // What the build put in is no source.
  return [...new Set(sources.filter((source) => !/^<?[\w-]+:/.test(source)).map(nameOf))].sort();
};

beforeAll(() => {
  mobius(['vault', 'init']);
});

test.each([
  { golden: 'version', args: ['--version'] },
  { golden: 'help', args: ['--help'] },
  { golden: 'noun-help', args: ['secrets', '--help'] },
  { golden: 'local-read', args: ['roles', 'list'] },
])('what mobius $args loads', async ({ golden, args }) => {
  const loaded = loadedBy(args);
  await expect(`${loaded.join('\n')}\n`).toMatchFileSnapshot(`golden/modules-${golden}.txt`);
  const never = ['@inquirer/prompts', 'ajv', 'chalk', 'fastest-levenshtein', 'string-width', 'yaml', 'src/cli/ask.ts'];
  expect(loaded.filter((name) => never.includes(name))).toEqual([]);
});

test('what a read through the agent loads: no engine, no core, no key', async () => {
  mobius(['vault', 'unlock']);
  try {
    const loaded = loadedBy(['roles', 'list']);
    await expect(`${loaded.join('\n')}\n`).toMatchFileSnapshot('golden/modules-agent-read.txt');
    expect(loaded.filter((name) => /sqlite|sodium|^src\/(core|store|vault)\//.test(name))).toEqual([
      'src/core/key-format.ts',
    ]);
  } finally {
    mobius(['vault', 'lock', '-q', '--log-level', 'error']);
  }
});

/** The parts of Node itself that were loaded when the program ended. */
const ofNodeLoadedBy = (args: readonly string[]): string[] => {
  const seen = join(folder, 'of-node.txt');
  const look = join(folder, 'look.cjs');
  const tell = `require('node:fs').writeFileSync(${JSON.stringify(seen)}, process.moduleLoadList.join('\\n'))`;
  writeFileSync(look, `process.on('exit', () => ${tell});\n`);
  mobius(args, { NODE_OPTIONS: `--require ${look}` });
  return readFileSync(seen, 'utf8').split('\n');
};

/** Each a tenth or so of our start. */
const heavyOfNode = ['crypto', 'http', 'module', 'net', 'os', 'perf_hooks', 'stream', 'tty', 'worker_threads', 'zlib'];

test.each([{ args: ['roles', 'list'] }, { args: ['principals', 'create', 'somebody'] }])(
  'mobius $args loads nothing heavy of Node',
  ({ args }) => {
    const loaded = ofNodeLoadedBy(args);
    expect(loaded).toContain('NativeModule fs');
    expect(heavyOfNode.filter((name) => loaded.includes(`NativeModule ${name}`))).toEqual([]);
  },
);

test('the help of a noun loads no engine, the core or a command', () => {
  const heavy = /sqlite|sodium|^src\/(core|store|vault|calls|crypto)\/|^src\/commands\/.*\//;
  expect(loadedBy(['secrets', '--help']).filter((name) => heavy.test(name))).toEqual(['src/core/key-format.ts']);
});

test('what is not bundled is installed with it, and every licence of what is stands beside it', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const outputs = Object.values(outputsOf());
  const outside = outputs.flatMap(({ imports }) => imports.flatMap(({ path, external }) => (external ? [path] : [])));
  const names = new Set(
    outside.filter((path) => !isBuiltin(path) && !path.startsWith('./')).map((path) => path.split('/')[0]),
  );
  // The first looks for what it is told; the others are asked for by libraries that do without.
  for (const name of ['bindings', 'kerberos', 'pg-native', 'supports-color']) names.delete(name);
  expect([...names].filter((name) => !Object.hasOwn({ ...dependencies, ...optionalDependencies }, name ?? ''))).toEqual(
    [],
  );
  const bundled = new Set(
    outputs
      .flatMap(({ inputs }) => Object.keys(inputs))
      .filter((input) => input.includes('node_modules'))
      .map(nameOf),
  );
  const licenses = readFileSync(join(root, 'dist', 'licenses.txt'), 'utf8');
  expect(bundled.size).toBeGreaterThan(20);
  expect([...bundled].filter((name) => !new RegExp(`^${name} \\d.*\\(.+\\)$`, 'm').test(licenses))).toEqual([]);
});
