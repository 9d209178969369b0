import { mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * Where the programs that tests start keep what V8 compiled: not in their homes, which are removed while the last of them
 * may still write there; and they start sooner.
 */
export const caches = join(tmpdir(), `mobius-test-caches-${userInfo().uid}`);
mkdirSync(caches, { recursive: true, mode: 0o700 });
