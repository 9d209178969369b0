import { join } from 'node:path';
import { mobius, newHome, printBesideNode, removeHomes } from './process.ts';

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
    { name: '`mobius --version`', process: mobius(home, ['--version']) },
    { name: '`api-keys list`, key file, native', process: mobius(home, list, undefined, 'native') },
    { name: '`api-keys list`, key file, wasm', process: mobius(home, list, undefined, 'wasm') },
    { name: '`api-keys list`, passphrase, native', process: mobius(withPassphrase, opened, undefined, 'native') },
    { name: '`api-keys list`, passphrase, wasm', process: mobius(withPassphrase, opened, undefined, 'wasm') },
  ];
  await printBesideNode('whole processes', rows, rounds);
} finally {
  removeHomes();
}
