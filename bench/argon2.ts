import { join } from 'node:path';
import { type Benchmark, bare, mobius, newHome } from './process.ts';

/** What a person waits for: whole processes, from the start to the exit. */
export const benchmark = (): Benchmark => {
  const home = newHome();
  const withPassphrase = newHome();
  const passphrase = join(withPassphrase, 'passphrase.txt');
  mobius(home, ['vault', 'init']).run();
  mobius(withPassphrase, ['vault', 'init', '--passphrase-file', passphrase], 'plainly a fake passphrase').run();
  const list = ['api-keys', 'list'];
  const opened = ['--passphrase-file', passphrase];
  return {
    title: 'Whole processes',
    floor: bare,
    rows: [
      { name: '`mobius --version`', process: mobius(home, ['--version']) },
      { name: '`api-keys list`, key file, native', process: mobius(home, list, undefined, 'native') },
      { name: '`api-keys list`, key file, wasm', process: mobius(home, list, undefined, 'wasm') },
      {
        name: '`api-keys list`, passphrase, native',
        process: mobius(withPassphrase, [...list, ...opened], undefined, 'native'),
      },
      {
        name: '`api-keys list`, passphrase, wasm',
        process: mobius(withPassphrase, [...list, ...opened], undefined, 'wasm'),
      },
    ],
  };
};
