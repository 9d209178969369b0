import { globalFlags } from '../globals.ts';
import type { Topic } from './topic.ts';

type Row = readonly [variable: string, text: string];

/** Those that no flag of every command says. */
const ours: readonly Row[] = [
  ['MOBIUS_VAULT_KEY', 'the text of a key file, in place of one'],
  ['MOBIUS_VAULT_PASSPHRASE', 'the passphrase, or the recovery code, that opens the vault'],
  ['MOBIUS_DATABASE_URL', 'the PostgreSQL database of serve and server migrate (--database)'],
  ['MOBIUS_CONFIG_DIR', 'the configuration folder: key files, credentials, config.toml, rotations.toml'],
  ['MOBIUS_CREDENTIALS_FILE', 'the file of profiles; credentials in the configuration folder when absent'],
  ['MOBIUS_CA_FILE', 'trusts the authorities in this file (PEM) as well'],
  ['MOBIUS_TIMEOUT', 'seconds that a whole answer of a server may take, at most 3600; 30 when absent'],
  ['MOBIUS_ALLOW_HTTP', '1 lets a credential travel over plain HTTP to another machine'],
  ['MOBIUS_AUDIT_ANCHOR', 'the file that gets a signed end of the audit log by itself'],
  ['MOBIUS_AUDIT_ANCHOR_EVERY', 'after how many entries it gets one'],
  ['MOBIUS_AUDIT_ANCHOR_POLICY', 'required or best-effort: what happens where it can not be written'],
  ['MOBIUS_SODIUM', 'native or wasm: the binding of libsodium; whichever loads when absent'],
  ['MOBIUS_DEBUG', 'anything: shows where an error comes from'],
];

const handedOn: readonly Row[] = [
  ['MOBIUS_API_KEY', 'the new key, for what --verify runs'],
  ['MOBIUS_ROTATION_ID', 'the rotation that is under way, for what --exec runs'],
  ['MOBIUS_KEY_ID', 'the id of the new key, for the same'],
];

const others: readonly Row[] = [
  ['HTTPS_PROXY, HTTP_PROXY, ALL_PROXY', 'the proxy to a server, in small letters too; never to this machine'],
  ['NO_PROXY', 'hosts, domains and networks that are reached without one'],
  ['CLICOLOR_FORCE', 'colours even where the output is no terminal; TERM=dumb has none'],
  ['PATH', 'where run finds its program, and git is found'],
  ['ComSpec, SystemRoot', 'on Windows, the shell that takes a line such as --key-command'],
  ['VISUAL, EDITOR', 'the editor of secrets edit; vi when absent'],
  ['SHELL', 'for whose words a line is written that sets a variable'],
  ['HOME, XDG_CONFIG_HOME, XDG_DATA_HOME', 'where the configuration and the vault lie'],
  ['APPDATA, LOCALAPPDATA', 'the same on Windows'],
  ['XDG_CACHE_HOME', 'where the compiled program is kept'],
  ['XDG_RUNTIME_DIR', 'where the agent listens, and where secrets edit keeps its file'],
  ['DISPLAY, WAYLAND_DISPLAY', 'whether there is a desktop: a browser to sign in with, a keychain'],
  ['DBUS_SESSION_BUS_ADDRESS', 'whether the keychain of the desktop can be asked'],
  ['SSH_CONNECTION', 'where it is set on macOS or Windows, the keychain is not asked'],
  ['LC_ALL, LC_CTYPE, LANG', 'the character set of the terminal, which doctor looks at'],
  ['BASH_COMPLETION_USER_DIR, ZDOTDIR, HOMEBREW_PREFIX', 'where completion --install looks, and puts its script'],
  ['GITHUB_ACTIONS', 'true: env --shell github masks the values in the log'],
  ['PGPASSWORD, PGPASSFILE', 'the password of the database, as for other programs'],
];

export const environment: Topic = {
  blocks: [
    {
      text: 'A flag on the line wins over its variable. An empty variable is none, but for MOBIUS_API_KEY: set and empty it is refused.',
    },
    {
      title: 'in place of flags',
      rows: globalFlags.flatMap(({ name, variable, description }): Row[] =>
        variable === undefined ? [] : [[variable, `${description} (--${name})`]],
      ),
    },
    { title: 'only as variables', rows: ours },
    { title: 'those of other programs', rows: others },
    {
      text:
        'mobius run gives its program no variable that begins with MOBIUS_, unless --env names it. Commands that rotate ' +
        'a key get these:',
    },
    { title: 'given to commands', rows: handedOn },
    {
      title: 'examples',
      examples: ['mobius auth status', 'mobius run --env MOBIUS_CONFIG_DIR=elsewhere -- env'],
    },
  ],
  related: ['help targets', 'help formatting', 'run', 'auth status'],
};
