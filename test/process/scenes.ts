import type { Block } from './blocks.ts';

/** What becomes of a block that isn't typed: it is written to a file, and a line typed that uses it, where none of
 * the document's own does; or a test that does more than this one reads it. */
export type Fate = { file: string; mode?: number; usedBy?: string } | { readBy: string };

/** What a document takes for granted, and what stands on this machine in the place of what it names. */
export interface Scene {
  /** The chapters (##) that it is of; all when absent. '' is what stands before the first. */
  chapters?: readonly string[];
  /** In the folder that it is typed in. */
  files?: Readonly<Record<string, string>>;
  /** On the path. */
  programs?: Readonly<Record<string, string>>;
  env?: Readonly<Record<string, string>>;
  /** Typed before. */
  before?: readonly string[];
  /** What stands there, and what is put in its place: {home} and the like are of this machine. */
  instead?: readonly (readonly [what: RegExp | string, by: string])[];
  /** By the beginning of a line: what it says on stderr, where every other line says nothing. */
  says?: Readonly<Record<string, string>>;
  /** The fates of blocks of these languages, in their order. */
  fates?: Readonly<Record<string, readonly Fate[]>>;
  /** Secrets of a pipeline, by the file that holds each. */
  secrets?: Readonly<Record<string, string>>;
  /** A PostgreSQL database of its own. */
  database?: true;
  /** The example of a team's server, on ports of its own. */
  team?: true;
}

const init = 'mobius vault init';
const password = 'a-plainly-fake-password\n';
const script = '#!/bin/sh\n';

/** A rotation that was left behind, two minutes ago: the one before has nothing yet, the other may have been delivered. */
const left = `#!/bin/bash
name=left-$RANDOM
echo 'const now = Date.now; Date.now = () => now() - 120_000;' > $name.mjs
export NODE_OPTIONS="--import=$PWD/$name.mjs"
case $1 in
  begun)
    mobius secrets create $name --generate password
    mobius secrets rotate $name --apply true --exec 'kill -9 $PPID' ;;
  delivering)
    mobius principals create $name --role Worker --with-key
    mobius api-keys rotate $name --exec 'kill -9 $PPID' ;;
esac > $name.log 2>&1
mobius rotations list -o json | jq -r --arg name $name '.items[] | select(.subject | endswith($name)).id'
`;

const readme: readonly Scene[] = [
  { chapters: [''] },
  {
    chapters: ['Set up'],
    // The first line made it.
    says: { 'npx --package': 'mobius: warning: all of it is there already' },
    env: { npm_config_update_notifier: 'false', npm_config_loglevel: 'error' },
    instead: [
      // .ci/run does both, in a clean checkout.
      ['npm ci && npx mobius quickstart', '(cd {root} && npx mobius quickstart)'],
      ['npm ci && npm test', 'grep -qx "npm ci" {root}/.ci/run && grep -q "^npm test " {root}/.ci/run'],
      // Packing and installing take minutes: a test of their own does them.
      [/npm pack && npm install .*/, `grep -q "npm('install', '--global'" {root}/test/process/pack.test.ts`],
      [/npx --package \S+ (.*?) +#.*/, '(cd {root} && npx $1)'],
    ],
  },
  {
    chapters: ['Use', 'Serve'],
    before: [init],
    env: { DB_USER: 'shop-user' },
    files: {
      'passphrase.txt': 'correct horse battery staple\n',
      'password.txt': password,
      'key.txt': 'sk-plainly-fake-1',
      'new-key.txt': 'sk-plainly-fake-2',
      'refs.env': 'KEY=${secret:openai.api_key}\n',
      'config.tpl.yaml': 'key: ${secret:openai.api_key}\n',
      'app.js': '',
      'migrate.sh': script,
      'serve.sh': script,
    },
    instead: [
      [/(mobius vault keyslots add passphrase) .*/, '$1 --new-passphrase-file ./passphrase.txt'],
      [/(mobius vault rekey) .*/, '$1 --passphrase-file ./passphrase.txt'],
      // Here lie the files that the values came from.
      [/(mobius scan) .*/, '$1 refs.env'],
      ['/etc/worker/', '{home}/'],
    ],
  },
  {
    chapters: ['How it is built'],
    fates: {
      json: [{ readBy: 'test/tools/five-steps.test.ts' }],
      ts: [{ readBy: 'test/tools/five-steps.test.ts' }, { readBy: 'test/tools/five-steps.test.ts' }],
      script: [{ readBy: 'test/tools/five-steps.test.ts' }],
    },
  },
];

/** By the path of the document. One that has none here fails. */
export const scenes: Readonly<Record<string, readonly Scene[]>> = {
  'README.md': readme,
  'docs/README.md': [{}],
  'docs/first-hour.md': [
    {
      files: {
        'app.js': 'console.log(`a key of ${process.env.OPENAI_API_KEY.length} characters`);\n',
        'key.txt': 'sk-plainly-fake-1',
        'password.txt': password,
      },
    },
  ],
  'docs/getting-started.md': [
    {
      files: { 'key.txt': 'sk-plainly-fake-1', 'password.txt': password },
      says: { 'mobius rotations run': 'mobius: nothing is due\n' },
      fates: { js: [{ file: 'app.js' }] },
    },
  ],
  'docs/local-vault.md': [
    {
      files: {
        'passphrase.txt': 'correct horse battery staple\n',
        'next.txt': 'incorrect horse battery staple\n',
      },
      instead: [
        [/(mobius vault keyslots add passphrase) .*/, '$1 --new-passphrase-file ./passphrase.txt'],
        [/(mobius vault passwd \S+ \S+) .*/, '$1 --passphrase-file ./passphrase.txt --new-passphrase-file ./next.txt'],
        [/(mobius vault unlock .*?) #.*/, '$1 --passphrase-file ./next.txt'],
      ],
      says: { 'mobius vault keyslots remove': 'mobius: warning: a copy of the vault from before still opens with it' },
    },
  ],
  'docs/team-server.md': [
    {
      files: { 'password.txt': password, 'serve.sh': '#!/bin/sh\ntest -n "$DATABASE_PASSWORD"\n' },
      fates: { json: [{ file: 'mobius.json' }] },
    },
  ],
  'docs/ci.md': [
    {
      files: {
        'password.txt': password,
        'migrate.sh': '#!/bin/sh\ntest -n "$DB_PASSWORD" && test -z "$MOBIUS_API_KEY"\n',
        'deploy.sh': '#!/bin/sh\ntest ${#1} = 18\n',
        'config.tpl.yaml': 'password: ${secret:db/prod.password}\n',
      },
      before: [
        init,
        'mobius users create ada@example.com --administrator',
        'mobius secrets create db/prod --generate password:40',
        'printf plainly-fake-token | mobius secrets create deploy --set token=@-',
        'mkdir -p {home}/shop {home}/backups {home}/elsewhere',
        'cp migrate.sh {home}/shop/nightly.sh',
        'mobius serve --public-url https://mobius.example.com',
      ],
      instead: [
        ['/srv/shop/', '{home}/shop/'],
        ['/var/backups/', '{home}/backups/'],
        ['/mnt/elsewhere/', '{home}/elsewhere/'],
        ['/home/ada/', '{home}/'],
      ],
      says: { 'mobius env --shell github': '::add-mask::plainly-fake-token\n' },
      fates: { dotenv: [{ file: 'refs.env' }] },
      secrets: { MOBIUS_API_KEY: '{home}/pipeline.key' },
    },
  ],
  'docs/exit-codes.md': [{ before: [init, 'mobius principals create worker-prod --role Worker'] }],
  'docs/environment.md': [{ before: [init] }],
  'docs/rotation.md': [
    {
      before: [
        init,
        'mkdir -p {home}/worker',
        'mobius principals create worker-prod --role Worker --with-key --out {home}/worker/key',
        'mobius secrets create db/prod --generate password:40',
      ],
      programs: { left, systemctl: script, 'set-db-password': 'cat > /dev/null\n', 'try-db-password': script },
      files: { 'set-password.sh': '#!/bin/sh\ncat > /dev/null\n', 'try-password.sh': script },
      instead: [
        ['/etc/worker/', '{home}/worker/'],
        ['rotations resume ID', 'rotations resume "$(left delivering)"'],
        ['rotations abort ID --even', 'rotations abort "$(left delivering)" --yes --even'],
        ['rotations abort ID ', 'rotations abort "$(left begun)" --yes '],
      ],
      says: {
        'mobius rotations run': 'mobius: nothing is due\n',
        'mobius rotations resume': 'mobius: goes on with a rotation that was left\n',
      },
      fates: {
        toml: [{ file: '{home}/.config/mobius/rotations.toml', mode: 0o600, usedBy: 'mobius rotations run --dry-run' }],
      },
    },
  ],
  'docs/audit.md': [
    {
      before: [init, 'mobius principals create worker-prod --role Worker', 'mkdir {home}/elsewhere'],
      instead: [
        // It goes on until somebody ends it.
        [/(mobius audit-logs list --follow -o json) .*/, 'ended_at_first_line $1'],
        ['/mnt/elsewhere/', '{home}/elsewhere/'],
      ],
      fates: {
        toml: [
          {
            file: '{home}/.config/mobius/config.toml',
            mode: 0o600,
            usedBy: 'mobius projects create anchored && test -s {home}/elsewhere/mobius-anchors.jsonl',
          },
        ],
      },
    },
  ],
  'docs/verify-tokens.md': [
    { fates: { js: [{ readBy: 'test/http/verify-offline.test.ts' }, { readBy: 'test/http/verify-offline.test.ts' }] } },
  ],
  'docs/postgresql.md': [
    {
      database: true,
      programs: { gcloud: '#!/bin/sh\ncat ./team.key\n' },
      instead: [
        ['createdb mobius', '{createdb} --maintenance-db={server} {name}'],
        ['postgres://mobius@db.example.com/mobius', '{database}'],
      ],
    },
  ],
  'deploy/team/README.md': [
    {
      team: true,
      instead: [
        // .ci/run does it.
        [/apt-get install .*/, 'grep -q haproxy {root}/.ci/run'],
        [/^deploy\/team\/start$/, 'team_started {root}/deploy/team/start'],
        // Whoever types the next line takes longer than it takes to be gone.
        [/kill -9 (\$\(head .*?\)).*/, 'pid=$1; kill -9 $pid; while kill -0 $pid 2> /dev/null; do sleep 0.05; done'],
        ['deploy/team/failover', '{root}/deploy/team/failover'],
        ['127.0.0.1:7300', '127.0.0.1:{TEAM_PORT}'],
        // After the failover that went before.
        ['-p 7311', '-p {TEAM_DB2_PORT}'],
        ['watch -n 0.5 curl', 'curl'],
      ],
    },
  ],
  'docs/mobilenext.md': [
    {
      before: [init],
      files: { 'password.txt': password },
      instead: [
        [
          '5f0c1f3e-0000-4000-8000-000000000000',
          `"$(curl -H "Authorization: Bearer $(mobius auth token)" "$SERVER/api/v1/organizations" | jq -r '.. | .id? // empty')"`,
        ],
      ],
    },
  ],
  'docs/mobula.md': [
    {
      before: [init],
      instead: [['019b1bc8-f400-7000-8000-000000000001', `"$(mobius tokens list -o json | jq -r '.items[0].id')"`]],
    },
  ],
  'docs/mutx.md': [{ before: [init], files: { 'password.txt': 'plainly-fake-1\n' } }],
};

export const chapterOf = ({ under }: Block): string => under[1] ?? '';
