import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  certificate: string;
  key: string;
}

export interface Authority {
  /** The file of its own certificate. */
  readonly file: string;
  /** Files of a certificate for these names, such as `DNS:localhost`. */
  issue(subject: string, names?: readonly string[]): Pair;
}

export interface Certificates {
  authority(name: string): Authority;
  remove(): void;
}

/** What `openssl` makes, in a folder that goes with it. */
export const makeCertificates = (): Certificates => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-certificates-'));
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl failed: ${stderr}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  let count = 0;
  return {
    authority(name) {
      const own = `authority-${++count}`;
      openssl('req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-days', '2', '-keyout', `${own}.key`, '-out', own);
      return {
        file: join(folder, own),
        issue(subject, names = []) {
          const file = `issued-${++count}`;
          openssl('req', ...newKey, '-subj', `/CN=${subject}`, '-keyout', `${file}.key`, '-out', `${file}.csr`);
          const extensions = names.length === 0 ? 'basicConstraints=CA:FALSE' : `subjectAltName=${names.join(',')}`;
          writeFileSync(join(folder, `${file}.ext`), extensions);
          const signed = ['-CA', own, '-CAkey', `${own}.key`, '-CAcreateserial', '-days', '2'];
          openssl('x509', '-req', '-in', `${file}.csr`, ...signed, '-extfile', `${file}.ext`, '-out', file);
          return { certificate: join(folder, file), key: join(folder, `${file}.key`) };
        },
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
