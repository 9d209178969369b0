import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ended, type Machine, newMachine, program, withTools } from './machine.ts';
import { openTerminal } from './terminal.ts';

/** A raw key is shown once. Here it is handed over, or it is none: what nobody received must not go on working. */

let machine: Machine;
beforeAll(async () => {
  machine = newMachine();
  await machine.json('vault', 'init');
  await machine.json('principals', 'create', 'worker', '--role', 'Worker');
});
afterAll(() => machine.remove());

interface Keys {
  items: { id: string; name: string; state: string }[];
}

const keys = async (): Promise<Keys['items']> => (await machine.json<Keys>('api-keys', 'list', '--limit', '200')).items;
const create = (name: string, ...more: string[]): string[] => [
  'api-keys',
  'create',
  name,
  '--principal-id',
  'worker',
  ...more,
];

describe('to a pipe', () => {
  test('it is JSON and nothing else', async () => {
    const { code, stdout, stderr } = await machine.bash(`mobius ${create('piped').join(' ')} | cat`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { key, name } = JSON.parse(stdout);
    expect(name).toBe('piped');
    expect(key).toMatch(/^mbx_\w{49}$/);
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), undefined, 2)}\n`);
    expect(await machine.mobius(['whoami', '-o', 'text', '-F', 'key_name'], { env: { MOBIUS_API_KEY: key } })).toEqual({
      code: 0,
      signal: null,
      stdout: 'piped\n',
      stderr: '',
    });
  });

  test('that nobody reads, the key is revoked and named', async () => {
    const { stderr } = await machine.bash(`mobius ${create('lost').join(' ')} | true; echo "\${PIPESTATUS[0]}" >&2`);
    expect(stderr).toMatch(/^1$/m);
    const lost = (await keys()).find(({ name }) => name === 'lost');
    expect(lost?.state).toBe('revoked');
    expect(stderr).toContain(lost?.id);
  });

  test('that was closed before, the same', async () => {
    const child = machine.start(create('closed', '-q'), ['ignore', 'pipe', 'pipe']);
    child.stdout?.destroy();
    const { code, stderr } = await ended(child);
    const closed = (await keys()).find(({ name }) => name === 'closed');
    expect({ code, state: closed?.state }).toEqual({ code: 1, state: 'revoked' });
    expect(stderr).toContain(`the key ${closed?.id} was revoked`);
  });

  withTools('/dev/full').each(['json', 'text', 'yaml', 'pretty'])('on a full device, in %s', async (mode) => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await ended(machine.start(create(`full-${mode}`, '-o', mode), ['ignore', full, 'pipe']));
    closeSync(full);
    const key = (await keys()).find(({ name }) => name === `full-${mode}`);
    expect({ code, state: key?.state }).toEqual({ code: 1, state: 'revoked' });
    expect(stderr).toContain(
      `could not write to standard output: no space left on device; the key ${key?.id} was revoked`,
    );
    expect(stderr).not.toMatch(/mbx_\w{49}/);
  });

  withTools('/dev/full')('the first key of a principal and that of quickstart alike', async () => {
    const full = openSync('/dev/full', 'w');
    const line = ['principals', 'create', 'first', '--role', 'Worker', '--with-key'];
    expect(await ended(machine.start(line, ['ignore', full, 'pipe']))).toMatchObject({ code: 1 });
    expect(await ended(machine.start(['quickstart'], ['ignore', full, 'pipe']))).toMatchObject({ code: 1 });
    closeSync(full);
    const states = (await keys()).filter(({ name }) => ['first', 'quickstart'].includes(name));
    expect(states).toMatchObject([{ state: 'revoked' }, { state: 'revoked' }]);
  });
});

describe('to a terminal', () => {
  withTools('tmux')('it can be read, and the key stands whole on a line of its own', async () => {
    const terminal = openTerminal(machine);
    try {
      await terminal.run(`mobius ${create('seen', '--expires-at', '90d', '--tag', 'env=prod').join(' ')}`);
      const lines = (await terminal.shows(/^shown only this once/)).map((line) => line.trimEnd());
      const at = lines.findIndex((line) => /^mbx_\w{49}$/.test(line));
      expect(lines.slice(at - 1, at + 2)).toEqual(['', lines[at], '']);
      expect(lines.filter((line) => line.includes(lines[at] ?? '-'))).toHaveLength(1);
      expect(lines).not.toContain('{');
      expect(lines).toContainEqual(expect.stringMatching(/^id {12}key_01\w{24}$/));
      expect(lines).toContainEqual('state         active');
      expect(lines).toContainEqual(expect.stringMatching(/^expires_at {4}20\d\d-.*Z \(in 3 months\)$/));
      expect(lines).toContainEqual('tags          env=prod');
      await terminal.run(`MOBIUS_API_KEY=${lines[at]} mobius whoami -F key_name`);
      await terminal.shows(/^key_name {2}seen$/);
    } finally {
      terminal.close();
    }
  });
});

describe('to a file', () => {
  const count = async (): Promise<number> => (await keys()).length;
  const files = (): string[] => readdirSync(machine.work).sort();

  test('it lies there whole, for its owner alone, before success is told', async () => {
    const file = join(machine.work, 'whole.key');
    // The reader of stdout looks at the file the moment that anything is said.
    const looks = `read -r line; cat whole.key; ls -l whole.key | cut -c 1-10; cat > /dev/null`;
    const { code, stdout, stderr } = await machine.bash(
      `umask 000; mobius ${create('whole', '--out', 'whole.key').join(' ')} | { ${looks}; }`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${readFileSync(file, 'utf8')}-rw-------\n`);
    expect(readFileSync(file, 'utf8')).toMatch(/^mbx_\w{49}\n$/);
    const key = readFileSync(file, 'utf8').trim();
    expect((await machine.mobius(['whoami', '-q'], { env: { MOBIUS_API_KEY: key } })).code).toBe(0);
  });

  test('that is there already keeps nothing of what it held, nor its mode', async () => {
    const file = join(machine.work, 'old.key');
    writeFileSync(file, `${'x'.repeat(10_000)}\n`, { mode: 0o644 });
    expect(await machine.mobius(create('over', '--out', 'old.key'))).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toMatch(/^mbx_\w{49}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  /**
   * A device like /dev/full, but of our own where we are root: a mistake in the product would put a file in the place of
   * the machine's.
   */
  const device = (): string => {
    const own = join(machine.work, 'device');
    return spawnSync('mknod', [own, 'c', '1', '7']).status === 0 ? own : '/dev/full';
  };
  const namedPipe = (): string => {
    expect(spawnSync('mkfifo', [join(machine.work, 'pipe')]).status).toBe(0);
    return 'pipe';
  };

  test.each([
    ['a folder that is missing', () => 'missing/x.key'],
    ['a folder', () => '.'],
    ['a device', device],
    ['a named pipe', namedPipe],
    ['standard output', () => '/dev/stdout'],
    ['a file as a folder', () => 'plain/x.key'],
    ['no name', () => ''],
  ])('that can not be one issues nothing: %s', async (_, target) => {
    writeFileSync(join(machine.work, 'plain'), 'a file');
    const line = create('never', '--out', target(), '-o', 'text');
    const [before, there] = [await count(), files()];
    const { code, stdout, stderr } = await machine.mobius(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^mobius: error: --out /);
    expect([await count(), files()]).toEqual([before, there]);
  });

  test('where nothing fits any more issues nothing', async () => {
    const [before, there] = [await count(), files()];
    // A limit on the size of files stands in for a full disk, and comes without a signal as one does.
    const script = `trap '' XFSZ; ulimit -f 0; exec '${process.execPath}' '${program}' ${create('never', '--out', 'full.key').join(' ')}`;
    const { code, stdout, stderr } = await machine.bash(script);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(JSON.parse(stderr).error.message).toBe(`--out can't write "full.key": file too large`);
    expect([await count(), files()]).toEqual([before, there]);
  });

  test('a refused call leaves neither the file nor what was opened for it', async () => {
    const there = files();
    expect(await machine.mobius(create('whole', '--out', 'taken.key'))).toMatchObject({ code: 6, stdout: '' });
    expect(files()).toEqual(there);
  });

  test('a lost report on stdout loses no key', async () => {
    const child = spawn(process.execPath, [program, ...create('kept', '--out', 'kept.key')], {
      cwd: machine.work,
      env: machine.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    await ended(child);
    const key = readFileSync(join(machine.work, 'kept.key'), 'utf8').trim();
    expect((await machine.mobius(['whoami', '-q'], { env: { MOBIUS_API_KEY: key } })).code).toBe(0);
  });
});
