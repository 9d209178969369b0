import { join } from 'node:path';
import { bare, mobius, newHome, removeHomes } from './process.ts';
import { inTurn, startTable } from './table.ts';

/** What a person waits for, whole processes from the start to the exit: `npm run build && tsx bench/argon2.ts [runs]`. */
const rounds = Number(process.argv[2] ?? 15);

try {
  const home = newHome();
  const withPassphrase = newHome();
  const passphrase = join(withPassphrase, 'passphrase.txt');
  mobius(home, ['vault', 'init']).run();
  mobius(withPassphrase, ['vault', 'init', '--passphrase-file', passphrase], 'plainly a fake passphrase').run();
  const list = ['api-keys', 'list'];
  const opened = [...list, '--passphrase-file', passphrase];
  const rows = [
    { name: '`node -e 0`', process: bare },
    { name: '`mobius --version`', process: mobius(home, ['--version']) },
    { name: '`api-keys list`, key file, native', process: mobius(home, list, undefined, 'native') },
    { name: '`api-keys list`, key file, wasm', process: mobius(home, list, undefined, 'wasm') },
    { name: '`api-keys list`, passphrase, native', process: mobius(withPassphrase, opened, undefined, 'native') },
    { name: '`api-keys list`, passphrase, wasm', process: mobius(withPassphrase, opened, undefined, 'wasm') },
  ];
  const medians = await inTurn(rows, ({ process }) => process.run(), { rounds, warmUps: 2 });
  const row = startTable(['whole processes', 'median', 'to bare Node']);
  const [least = 1] = medians;
  for (const [at, { name }] of rows.entries()) {
    const ms = medians[at] ?? 0;
    row([name, `${ms.toFixed(0)} ms`, (ms / least).toFixed(2)]);
  }
} finally {
  removeHomes();
}
