/** The nouns in the order of the help, the short ways to some of their verbs, and what the help tells besides. */

export interface NounEntry {
  summary: string;
  alias?: string;
  group: 'start' | 'access' | 'vault' | 'more';
}

export const nouns: Readonly<Record<string, NounEntry>> = {
  quickstart: { summary: 'make a vault, a first principal and its key, in one step', group: 'start' },
  auth: { summary: 'who is acting, and on which server', group: 'start' },
  projects: { summary: 'the spaces that everything else lives in', alias: 'project', group: 'access' },
  principals: { summary: 'API clients and people: who acts', alias: 'principal', group: 'access' },
  roles: { summary: 'sets of permissions, and who has them', alias: 'role', group: 'access' },
  users: { summary: 'people who can sign in to a server', alias: 'user', group: 'access' },
  permissions: { summary: 'what can be allowed', alias: 'permission', group: 'access' },
  'api-keys': { summary: 'the keys that principals act with', alias: 'api-key', group: 'access' },
  tokens: { summary: 'short-lived credentials with limits', alias: 'token', group: 'access' },
  secrets: { summary: 'sensitive values, in versions; used without being read', alias: 'secret', group: 'access' },
  rotations: {
    summary: 'replacing keys and secrets on time, so that nobody is locked out',
    alias: 'rotation',
    group: 'access',
  },
  'audit-logs': {
    summary: 'who did what and when, and whether that was tampered with',
    alias: 'audit-log',
    group: 'access',
  },
  run: { summary: 'run a program that gets secrets as its variables', group: 'vault' },
  env: { summary: 'write variables with their values in the words of a shell', group: 'vault' },
  import: { summary: 'make secrets of what another tool exported', group: 'vault' },
  inject: { summary: 'fill the references of a template with values', group: 'vault' },
  scan: { summary: 'find values and API keys that leaked into files', group: 'vault' },
  trust: { summary: 'let a project say which variables it wants', group: 'vault' },
  vault: { summary: 'the sealed store itself: a file on this machine, or a database', group: 'vault' },
  serve: { summary: 'serve a vault over HTTP', group: 'vault' },
  server: { summary: "look after a server's database", group: 'vault' },
  api: { summary: 'send a request of your own, for what has no command', group: 'more' },
  doctor: { summary: 'look whether everything is as it should be', group: 'more' },
  automations: { summary: 'not built yet', alias: 'automation', group: 'more' },
  catalog: { summary: 'not built yet', group: 'more' },
  completion: { summary: 'have a shell complete what is typed', group: 'more' },
};

export const aliases: Readonly<Record<string, readonly string[]>> = {
  whoami: ['auth', 'whoami'],
  can: ['permissions', 'check'],
};

/** What concerns many commands: each has a page, `mobius help NAME`. */
export const topics: Readonly<Record<string, { summary: string }>> = {
  'exit-codes': { summary: 'what a command ends with, and the codes of errors' },
  environment: { summary: 'the variables that are read, and those that programs get' },
  formatting: { summary: 'forms of output; how times, tags, lists and files are written' },
  references: { summary: `secrets' values in variables and templates: \${secret:name.key}` },
  targets: { summary: 'which vault or server a command works on, as whom, in which project' },
};
