import type { LocalContext } from '../../cli/command.ts';
import { localCommand } from '../../cli/command.ts';
import { newPassphrase, newPassphraseFlag } from '../../cli/passphrases.ts';
import { placeOf, worldOf } from '../../cli/profiles.ts';
import { showCode } from '../../cli/recovery.ts';
import { MobiusError } from '../../errors.ts';
import type { Vault } from '../../vault/open.ts';

const kinds = ['passphrase', 'key-file', 'keychain', 'recovery'] as const;
type Kind = (typeof kinds)[number];
const verbs = ['list', 'add', 'remove'] as const;

const usage = (message: string): MobiusError =>
  new MobiusError('usage', message, {}, 'see: mobius vault keyslots --help');

const list = async ({ io, globals, show }: LocalContext): Promise<void> => {
  const { vaultStatus } = await import('../../vault/status.ts');
  const { keyslots } = await vaultStatus(worldOf(io), placeOf(io, { ...globals, input: false }));
  const items = keyslots.map(({ id, kind, createdAt, inUse }) => ({
    id,
    kind,
    state: inUse ? 'in use' : 'idle',
    created_at: new Date(createdAt).toISOString(),
  }));
  show({ items });
};

/** What the new slot opens with, handed to whoever keeps it before the slot is there. */
const prepare: Record<Kind, (context: LocalContext, vault: Vault, id: string) => Promise<Prepared>> = {
  async passphrase(context, { sodium }) {
    const secret = await newPassphrase(context);
    const [{ calibrate }, { passphraseParams }] = await Promise.all([
      import('../../vault/passphrase.ts'),
      import('../../vault/slot-keys.ts'),
    ]);
    return { secret, params: passphraseParams(await calibrate(sodium)) };
  },

  async 'key-file'({ io, flags }) {
    if (typeof flags.to !== 'string') throw usage('--to PATH is required: where the new key file goes');
    const [{ newVaultKey, writeKeyFile }, { resolve }, { rmSync }] = await Promise.all([
      import('../../vault/key-file.ts'),
      import('node:path'),
      import('node:fs'),
    ]);
    const path = resolve(io.cwd, flags.to);
    const secret = newVaultKey();
    writeKeyFile(path, secret);
    return { secret, shown: { key_file: path }, undo: () => rmSync(path, { force: true }) };
  },

  async keychain({ io }, _vault, id) {
    const [{ openKeychain }, { newVaultKey }] = await Promise.all([
      import('../../vault/keychain.ts'),
      import('../../vault/key-file.ts'),
    ]);
    const keychain = openKeychain(io);
    if (typeof keychain === 'string') throw new MobiusError('unsupported', keychain);
    const secret = newVaultKey();
    try {
      keychain.write(id, secret);
    } catch (error) {
      throw new MobiusError('internal', `the keychain can't be used: ${(error as Error).message}`);
    }
    return { secret, undo: () => keychain.remove(id) };
  },

  async recovery(context, _vault, id) {
    const { newRecoveryCode } = await import('../../vault/recovery-code.ts');
    const secret = newRecoveryCode();
    return { secret, handOver: () => showCode(context, secret, { id, kind: 'recovery' }) };
  },
};

interface Prepared {
  secret: string;
  params?: string;
  /** What of it the result shows. */
  shown?: Readonly<Record<string, string>>;
  /** Gives a one-time secret to the person, before the slot is there. */
  handOver?(): Promise<void>;
  /** Takes back what was put somewhere, where the slot could not be made. */
  undo?(): void;
}

const add = async (context: LocalContext, kind: Kind): Promise<void> => {
  const { io, globals, say, show } = context;
  const { openLocal } = await import('../../calls/local.ts');
  const { addSlot, newSlot } = await import('../../vault/slots.ts');
  const world = worldOf(io);
  const { vault, record, close } = await openLocal(world, placeOf(io, globals), { kind: 'owner' });
  try {
    const { id } = newSlot(world, kind);
    const { secret, params, shown, handOver, undo } = await prepare[kind](context, vault, id);
    try {
      await handOver?.();
      await addSlot(vault, { ...newSlot(world, kind, params), id }, secret, (tx, slot) =>
        record(tx, 'vault.keyslots.add', { type: 'keyslot', id: slot.id, changes: { kind: slot.kind } }),
      );
    } catch (error) {
      undo?.();
      throw error;
    }
    if (handOver === undefined) show({ id, kind, ...shown });
    say(`added a ${kind} keyslot (${id})`);
  } finally {
    await close();
  }
};

const remove = async (context: LocalContext, reference: string): Promise<void> => {
  const { io, globals, flags, prompt, say, show, warn } = context;
  const { openLocal } = await import('../../calls/local.ts');
  const { findSlot, removeSlot } = await import('../../vault/slots.ts');
  const world = worldOf(io);
  const { vault, record, close } = await openLocal(world, placeOf(io, globals), { kind: 'owner' });
  try {
    const slot = await findSlot(vault.db, reference);
    const question = `remove the ${slot.kind} keyslot "${slot.id}" for good?`;
    if (flags.yes !== true && !(await prompt.named(question, slot.kind))) throw usage('nothing was removed');
    const { scrubPending } = await removeSlot(vault, world, slot.id, (tx, gone) =>
      record(tx, 'vault.keyslots.remove', { type: 'keyslot', id: gone.id, changes: { kind: gone.kind } }),
    );
    if (slot.kind === 'keychain') await forget(context, slot.id);
    show({ id: slot.id, kind: slot.kind, scrub_pending: scrubPending });
    say(`removed the ${slot.kind} keyslot (${slot.id})`);
    warn('a copy of the vault from before still opens with it; to stop that: mobius vault rekey');
  } finally {
    await close();
  }
};

const forget = async ({ io, warn }: LocalContext, account: string): Promise<void> => {
  const { openKeychain } = await import('../../vault/keychain.ts');
  const keychain = openKeychain(io);
  try {
    if (typeof keychain !== 'string') keychain.remove(account);
  } catch (error) {
    warn(`the keychain still holds the entry "${account}": ${(error as Error).message}`);
  }
};

export default localCommand({
  summary: 'list, add and remove what opens the vault',
  about:
    'Each keyslot holds the root key sealed under one thing: a passphrase, a key file, an entry of the keychain, or a ' +
    'recovery code that is shown once. The records are never touched. The last keyslot stays.',
  args: [
    { name: 'verb', description: 'list, add or remove', choices: verbs },
    {
      name: 'what',
      description: 'add: passphrase, key-file, keychain or recovery; remove: an id or kind',
      optional: true,
      choices: kinds,
    },
  ],
  extra: [
    newPassphraseFlag,
    { name: 'to', value: 'PATH', description: 'where a new key file goes' },
    { name: 'out', value: 'FILE', description: 'write a recovery code to this file (mode 0600)' },
    { name: 'yes', short: 'y', description: 'remove without asking' },
  ],
  examples: [
    'mobius vault keyslots list',
    'mobius vault keyslots add passphrase',
    'mobius vault keyslots add recovery --out recovery.txt',
    'mobius vault keyslots add key-file --to ./second.key',
    'mobius vault keyslots remove recovery --yes',
  ],
  related: ['vault passwd', 'vault rekey'],
  async run(context) {
    const { verb, what } = context.args;
    const { oneOf } = await import('../../cli/suggest.ts');
    if (verb === 'list') {
      if (what !== undefined) throw usage('list takes nothing after it');
      await list(context);
    } else if (verb === 'add') {
      const kind = kinds.find((known) => known === what);
      if (kind === undefined) throw await oneOf('<what>', what ?? '', kinds);
      await add(context, kind);
    } else if (verb === 'remove') {
      if (what === undefined) throw usage('which? remove takes the id of a keyslot, or its kind');
      await remove(context, what);
    } else {
      throw await oneOf('<verb>', verb ?? '', verbs);
    }
    return 0;
  },
});
