import type { Topic } from './topic.ts';

export const targets: Topic = {
  blocks: [
    {
      text: 'The same commands work on a vault of this machine and on a server. mobius auth status says which it is now.',
    },
    {
      title: 'the target is the first of',
      rows: [
        ['--api-url URL', 'a server (MOBIUS_API_URL)'],
        ['--profile NAME', 'a server or vault that was saved under a name (MOBIUS_PROFILE)'],
        ['--vault PATH', 'a vault: its file, or the address of its database (MOBIUS_VAULT)'],
        ['a mobius.json', 'the profile that the nearest one names, in this folder or one around'],
        ['the default profile', 'the first that was saved, or as mobius auth use says'],
        ['the local vault', 'vault.db in the data folder of the user'],
      ],
    },
    {
      text:
        'Where one of these flags stands on the line, the variables of all three are left aside. --vault goes with neither ' +
        'of the others. A mobius.json counts once mobius trust was told that it may, and until it changes.',
    },
    {
      title: 'who acts on a server',
      rows: [
        ['--api-key KEY', 'this key or token (MOBIUS_API_KEY)'],
        ['the profile', 'what mobius auth login saved for the address; --as-owner leaves a key aside for it'],
      ],
    },
    {
      title: 'who acts on a vault',
      rows: [
        ['--api-key KEY', 'this key or token, with the refusals that a server would give'],
        ['its owner', 'without a key, or with --as-owner: whoever can open it'],
      ],
    },
    {
      title: 'what opens a vault is the first of',
      rows: [
        ['--key-file PATH', 'a key file (MOBIUS_VAULT_KEY_FILE)'],
        ['MOBIUS_VAULT_KEY', 'the text of one'],
        ['--key-command COMMAND', 'a command that prints it (MOBIUS_VAULT_KEY_COMMAND)'],
        ['--passphrase-fd N', 'a passphrase or recovery code, from a descriptor'],
        ['--passphrase-file PATH', 'the same from a file (MOBIUS_VAULT_PASSPHRASE_FILE, MOBIUS_VAULT_PASSPHRASE)'],
        ['the agent', 'that mobius vault unlock started'],
        ['the default key file', 'in the configuration folder, under the id of the vault'],
        ['the keychain', 'of the desktop, where the vault has an entry there'],
        ['a question', 'on a terminal, unless --no-input is given'],
      ],
    },
    { text: 'What is named is used or refused: a wrong key is never passed over for the next.' },
    {
      title: 'the project is the first of',
      rows: [
        ['--project HANDLE', 'as it says (MOBIUS_PROJECT)'],
        ['the credential', 'of a key, the handle behind its full stop; one that contradicts --project is refused'],
        ['a mobius.json', 'the project that it names'],
        ['the profile', 'the one that was saved with it'],
        ['default', 'the project of that name'],
      ],
    },
    {
      text:
        'A server may keep the contract of another system: --dialect (MOBIUS_DIALECT), or the profile, says which. ' +
        "--organization (MOBIUS_ORGANIZATION) chooses one of the caller's, where that contract has them.",
    },
    {
      title: 'examples',
      examples: ['mobius auth status', 'mobius api-keys list --project default --as-owner'],
    },
  ],
  related: ['auth status', 'auth login', 'auth use', 'trust', 'vault status', 'help environment'],
};
