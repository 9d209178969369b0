import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Io } from '../io.ts';
import { hasDesktop } from '../platform.ts';

/** What the desktop's keychain can do for a vault. Every call ends within the limit, whatever the keychain does. */
export interface Keychain {
  read(account: string): string | undefined;
  write(account: string, secret: string): void;
  remove(account: string): void;
}

const service = 'mobius';
const limitMs = 2_000;

/** Runs in a process of its own: a native call that hangs can be ended in no other way. Secrets go through stdin. */
const worker = `
const { Entry } = require(process.argv[1]);
const { verb, account, secret } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const entry = new Entry(${JSON.stringify(service)}, account);
if (verb === 'write') entry.setPassword(secret);
if (verb === 'remove') entry.deletePassword();
if (verb === 'read') process.stdout.write(JSON.stringify({ secret: entry.getPassword() ?? undefined }));
`;

/** The keychain, or the reason in one line why there is none to be had. */
export const openKeychain = (io: Pick<Io, 'env' | 'platform' | 'execPath'>): Keychain | string => {
  if (!hasDesktop(io)) return 'there is no desktop session whose keychain could be asked';
  let library: string;
  try {
    library = createRequire(import.meta.filename).resolve('@napi-rs/keyring');
  } catch {
    return 'the optional package @napi-rs/keyring is not installed';
  }
  const run = (message: { verb: string; account: string; secret?: string }): string => {
    const { status, stdout, stderr, error } = spawnSync(io.execPath, ['-e', worker, library], {
      input: JSON.stringify(message),
      timeout: limitMs,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
      env: { ...io.env },
    });
    if (error !== undefined) throw new Error(`it did not answer within ${limitMs / 1000} seconds`);
    if (status !== 0) throw new Error(/Error: (.*)/.exec(stderr)?.[1] ?? 'it refused');
    return stdout;
  };
  return {
    read(account) {
      try {
        const { secret } = JSON.parse(run({ verb: 'read', account })) as { secret?: string };
        return secret;
      } catch {
        // Whatever is wrong with it, the vault has other ways to be opened, and the error that ends them names them.
        return undefined;
      }
    },
    write: (account, secret) => void run({ verb: 'write', account, secret }),
    remove: (account) => void run({ verb: 'remove', account }),
  };
};
