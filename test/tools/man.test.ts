import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { product } from '../../src/cli/product.ts';
import { root } from './sample.ts';

const folder = join(root, 'man');
const files = readdirSync(folder);
const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');

const has = (program: string): boolean => spawnSync(program, ['-V']).error === undefined;

it('has a page for the program, each noun, each command that a person types, and each topic', () => {
  const commands = Object.entries(product.commands).flatMap(([noun, verbs]) => [
    `mobius-${noun}.1`,
    ...Object.entries(verbs).flatMap(([verb, { hidden }]) =>
      verb === '' || hidden === true ? [] : [`mobius-${noun}-${verb}.1`],
    ),
  ]);
  const topics = Object.keys(product.topics).map((topic) => `mobius-${topic}.7`);
  expect([...files].sort()).toEqual(['mobius.1', ...commands, ...topics].sort());
});

it('refers to pages that there are, and to itself nowhere', () => {
  for (const file of files) {
    const referred = [...textOf(file).matchAll(/^\.BR (\S+) \((\d)\)/gm)].map(
      ([, name = '', part]) => `${name.replaceAll('\\-', '-')}.${part}`,
    );
    expect(referred.length, file).toBeGreaterThan(0);
    expect(
      referred.filter((one) => !files.includes(one)),
      file,
    ).toEqual([]);
    expect(referred, file).not.toContain(file);
  }
});

it('says no date and nothing beyond ASCII, and begins no line with a request by chance', () => {
  const known = /^\.(\\"|TH|nh|ad|SH|PP|TP|B|BR|RS|RE|nf|fi)( |$)/;
  for (const file of files) {
    const text = textOf(file);
    expect(text, file).toMatch(/^\.TH "\S+" [17] "" "mobius" "manual of mobius"$/m);
    expect(text, file).toMatch(/^[\n\x20-\x7e]*$/);
    const requests = text.split('\n').filter((line) => /^[.']/.test(line));
    expect(
      requests.filter((line) => !known.test(line)),
      file,
    ).toEqual([]);
  }
});

it('is installed with the program', () => {
  const { man, files: packed } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    man: string[];
    files: string[];
  };
  expect(man.map((path) => path.replace('./man/', '')).sort()).toEqual([...files].sort());
  expect(packed).toContain('man');
});

describe.skipIf(!has('mandoc'))('mandoc', () => {
  it('finds nothing to warn of but that there is no date', () => {
    const { stdout, error } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...files], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(error).toBeUndefined();
    const lines = stdout.split('\n').filter((line) => line !== '');
    expect(lines.filter((line) => !line.endsWith('missing date, using "": TH'))).toEqual([]);
  });

  it('prints what is typed to the character', () => {
    const shown = (file: string): string => {
      const { stdout } = spawnSync('mandoc', ['-T', 'utf8', '-O', 'width=200', file], {
        cwd: folder,
        encoding: 'utf8',
      });
      // Bold is a letter that is struck twice, a line below one is struck first.
      return stdout.replace(/.\x08/g, '');
    };
    expect(shown('mobius-run.1')).toContain("--env 'PGPASSWORD=${secret:prod-db.password}' ./report.sh daily");
    expect(shown('mobius-api-keys-create.1')).toMatch(
      /--principal-id worker-prod \\\n +--expires-at 2027-01-01T00:00:00Z\n/,
    );
    expect(shown('mobius-references.7')).toContain('$${secret:');
    expect(shown('mobius-vault-move.1')).toContain('~/.pgpass');
    expect(shown('mobius-doctor.1')).toContain('.items[]');
  });
});

describe.skipIf(!has('groff'))('groff', () => {
  it('finds nothing to warn of', () => {
    const { stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', ...files], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});
