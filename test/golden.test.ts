import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Product, product } from '../src/cli/product.ts';
import { run } from '../src/cli/run.ts';
import { type Invocation, invocationsOf } from './golden/shell.ts';
import { createWorld, type Ran, type World } from './scripts/world.ts';

/** Every page of the help is one file's section: no flag, sentence or example changes unseen. */
const golden = 'test/golden/help.txt';

const linesOf = ({ nouns, commands, topics }: Product): string[][] => [
  [],
  ...Object.keys(topics).map((topic) => ['help', topic]),
  ...Object.keys(nouns).flatMap((noun) => [
    [noun],
    ...Object.entries(commands[noun] ?? {}).flatMap(([verb, { hidden }]) =>
      verb === '' || hidden === true ? [] : [[noun, verb]],
    ),
  ]),
];

const inWorld = async <T>(work: (world: World) => Promise<T>): Promise<T> => {
  const world = createWorld();
  try {
    return await work(world);
  } finally {
    world.remove();
  }
};

const pages = await inWorld(async (world) => {
  const shown: { line: string; words: string[]; page: string }[] = [];
  for (const words of linesOf(product)) {
    const line = ['mobius', ...words].join(' ');
    const { stdout: page, stderr, code } = await world.run(run, { argv: [...words, '--help'] });
    if (code !== 0 || stderr !== '') throw new Error(`${line} --help ended with ${code}: ${stderr}`);
    shown.push({ line, words, page });
  }
  return shown;
});

const pagesWithExamples = pages.filter(
  ({ words: [noun = '', verb = ''] }) => ['', 'help'].includes(noun) || product.commands[noun]?.[verb] !== undefined,
);

test('every page of the help is as the golden file has it', () => {
  const whole = pages.map(({ line, page }) => `$ ${line} --help\n${page}`).join('\n');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, whole);
  expect(whole).toBe(readFileSync(golden, 'utf8'));
});

test('no page is wider than a terminal of 80 columns', () => {
  const wide = pages.flatMap(({ page }) => page.split('\n').filter((line) => line.length > 80));
  expect(wide).toEqual([]);
});

/** The examples as a shell takes them when they are pasted: a backslash joins lines, but not inside single quotes. */
const examplesOf = (page: string): string[] => {
  const [, section = ''] = /^examples:\n((?: .*\n)+)/m.exec(page) ?? [];
  const joined = section.replace(/'[^']*'|\\\n/g, (found) => (found === '\\\n' ? '' : found));
  return joined.split(/\n(?! {3})/).flatMap((line) => (line.trim() === '' ? [] : [line.trim().replace(/ +/g, ' ')]));
};

const worker = 'principals create worker-prod --role Worker';
const ci = 'principals create ci --role Viewer';
const old = [
  'vault init --vault old-vault.db --key-file old.key',
  'vault backup old.db --vault old-vault.db --key-file old.key',
];

/** What must be there for a command's examples to work, or for those of its noun; a vault is there in any case... */
const stages: Readonly<Record<string, readonly string[]>> = {
  auth: [],
  automations: [],
  catalog: [],
  vault: [],
  'vault backup': old,
  'vault restore': ['vault backup vault-backup.db', ...old],
  projects: ['projects create staging'],
  'projects create': [],
  'projects delete': ['projects create staging', 'projects archive staging'],
  principals: [worker, ci, 'principals create worker-old'],
  'principals create': [],
  roles: ['roles create deployer --permission mobius.project.view', 'principals create worker-prod', ci],
  'roles create': [],
  users: ['users create bob@example.test --password @password.txt'],
  'users create': [],
  'api-keys': [worker, 'api-keys create ci --principal-id worker-prod --out ci.key'],
  'api-keys create': [worker],
  permissions: [worker, ci],
  tokens: [
    'principals create worker-prod --role Operator',
    'api-keys create lending --principal-id worker-prod --out lending.key',
    'tokens create --name frontend --out frontend.jwt',
  ],
  'tokens create': [],
  secrets: [
    ...['openai', 'db/prod', 'db/old'].map((name) => `secrets create ${name} --set api_key=one`),
    ...['two', 'three', 'four'].map((value) => `secrets update openai --set api_key=${value}`),
    ...['two', 'three'].map((value) => `secrets update db/prod --set api_key=${value}`),
  ],
  'secrets create': [],
  'secrets rollback': [
    'secrets create openai --set api_key=one',
    ...[2, 3, 4, 5].map((n) => `secrets update openai --set api_key=${n}`),
  ],
  rotations: [
    worker,
    'api-keys create worker-prod --principal-id worker-prod --out worker.key',
    'secrets create db/prod --set password=one',
  ],
  'audit-logs': ['audit-logs anchor --append anchors.jsonl'],
  run: ['secrets create prod-db --set password=one'],
  env: ['secrets create openai --set api_key=one'],
  inject: ['secrets create openai --set api_key=one'],
  'help exit-codes': [worker],
  'help formatting': [worker],
  'help references': ['secrets create openai --set api_key=one'],
};

/** What the examples read. */
const files: Readonly<Record<string, string>> = {
  'passphrase.txt': 'plainly a fake passphrase of a test\n',
  'new-passphrase.txt': 'plainly a fake passphrase of a test\n',
  'password.txt': 'a-fake-password\n',
  'key.txt': 'sk-fake',
  'new-key.txt': 'sk-fake-new',
  'new-creds.json': '{"api_key":"sk-fake","env":"$ENV"}',
  'tls.json': '{"cert":"fake","key":"fake"}',
  'refs.env': 'KEY=${secret:openai.api_key}\n',
  'config.tpl.yaml': 'key: ${secret:openai.api_key}\n',
  'config.tpl.json': '{"key":"${secret:openai.api_key}"}\n',
  'nginx.conf.tpl': 'key ${secret:openai.api_key};\n',
  '.env': 'A=one\n',
  'export.json': '{"shop":{"a":"one"}}',
  'change.json': '{"name":"Renamed"}',
  'mobius.json': '{"env":{"KEY":"${secret:openai.api_key}"}}',
  'piped.txt': '{"A":"one"}',
};
/** ... but where it is what they make. */
const bare = ['mobius', 'mobius quickstart', 'mobius vault init', 'mobius completion'];

/** Examples whose answer is a no, or that name an id which only stands for one. */
const others: Record<string, number> = {
  'mobius users disable usr_01kdwhnx00f0000000000000zz': 5,
  'mobius users enable usr_01kdwhnx00f0000000000000zz': 5,
  'mobius projects delete staging': 2,
  'mobius scan --staged': 2,
  'mobius can ci mobius.access.manage -q && echo yes': 4,
  'mobius api-keys revoke key_01kdwhnx00f0000000000000zz': 5,
  'mobius roles delete-assignment ras_01kdwhnx00f0000000000000zz': 5,
  'mobius tokens get 019b1bc8-f400-7000-8000-000000000001': 5,
  'mobius tokens get 019b1bc8-f400-7000-8000-000000000001 -F remaining': 5,
  'mobius tokens revoke 019b1bc8-f400-7000-8000-000000000001': 5,
  'mobius rotations abort rot_01kdwhnx00f0000000000000zz': 2,
  'mobius rotations resume rot_01kdwhnx00f0000000000000zz': 5,
  'mobius rotations resume rot_01kdwhnx00f0000000000000zz --out ci.key': 5,
  'mobius rotations abort rot_01kdwhnx00f0000000000000zz --even-if-delivered --yes': 5,
  'mobius vault keyslots add passphrase': 2,
  'mobius vault move --to postgres://mobius@db.example.com/mobius --yes': 3,
  'mobius vault move --abort': 3,
  'mobius vault passwd': 2,
  'mobius vault restore ./vault-backup.db': 6,
  'mobius run --secret prod-db=DB_ -- ./migrate.sh --all': 127,
  "mobius run --env 'PGPASSWORD=${secret:prod-db.password}' ./report.sh daily": 127,
  'mobius secrets delete openai': 2,
  'mobius secrets destroy-version openai 2': 2,
  'mobius secrets edit openai': 2,
  'mobius secrets edit db/prod': 2,
  'mobius auth login --api-url https://mobius.example.com': 7,
  'mobius auth login --api-url https://mobius.example.com --with-token < key.txt': 7,
  'mobius auth login --server https://api.example.com --dialect mobula --with-token < key.txt': 7,
  'mobius auth login --profile team --email ada@example.com': 2,
  'mobius auth logout': 2,
  'mobius auth remove': 2,
  'mobius auth revoke': 2,
  'mobius auth revoke cred_01kdwhnx00f0000000000000zz': 5,
  'mobius auth status --profile team -o json | jq -r .accepted': 7,
  'mobius server migrate --database postgres://mobius@127.0.0.1/mobius': 7,
  'mobius automations list': 1,
  'mobius automations list -o json': 1,
  'mobius catalog list-actions': 1,
  'mobius catalog list-actions -o json': 1,
  'mobius catalog get-action slack.post': 1,
  'mobius catalog get-action slack.post -o json': 1,
};

/** A server that is not there, behind a proxy that is not there: no example of signing in gets as far as a network. */
const signedIn = ['[team]', 'api_url = "https://mobius.example.com"', 'token = "mbx_fake"', ''].join('\n');
const farAway = { MOBIUS_CREDENTIALS_FILE: 'credentials', HTTPS_PROXY: 'http://127.0.0.1:9' };

/** Runs a `mobius` of an example; what one inside `$(…)` prints is a word of it. */
const play = async (world: World, { argv, stdin, piped }: Invocation): Promise<Ran> => {
  const words: string[] = [];
  for (const word of argv) {
    words.push(typeof word === 'string' ? word : ((await play(world, word)).stdout.split('\n')[0] ?? ''));
  }
  const fit = ['ci.key', 'frontend.jwt'].find((name) => existsSync(join(world.cwd, name))) ?? 'piped.txt';
  const file = stdin ?? (piped ? fit : undefined);
  return world.run(run, {
    argv: words,
    stdin: file === undefined ? new Uint8Array() : readFileSync(join(world.cwd, file)),
  });
};

/** What starts a server ends when somebody ends it: these examples are played by tests of their own. */
const played = pagesWithExamples.filter(({ line }) => !['mobius serve', 'mobius vault unlock'].includes(line));

describe('the examples of', () => {
  test.each(played)('$line work', async ({ line, words, page }) => {
    const examples = examplesOf(page);
    expect(examples.length).toBeGreaterThanOrEqual(2);
    // Inside single quotes a shell keeps the backslash that was to join two lines.
    expect(examples.filter((example) => example.includes('\n'))).toEqual([]);
    await inWorld(async (world) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(world.cwd, name), text);
      writeFileSync(join(world.cwd, 'credentials'), signedIn, { mode: 0o600 });
      Object.assign(world.env, farAway);
      const stage = bare.includes(line)
        ? []
        : ['vault init', ...(stages[words.join(' ')] ?? stages[words[0] ?? ''] ?? [])];
      for (const prepared of stage) {
        expect(await world.run(run, { argv: prepared.split(' ') })).toMatchObject({ code: 0, stderr: '' });
      }
      const failed: unknown[] = [];
      for (const example of examples) {
        const [first, ...rest] = invocationsOf(example);
        if (first === undefined || rest.length > 0) throw new Error(`expected one mobius, and only one: ${example}`);
        const { code, stderr } = await play(world, first);
        if (code !== (others[example] ?? 0)) failed.push({ example, code, stderr });
      }
      expect(failed).toEqual([]);
    });
  });
});
