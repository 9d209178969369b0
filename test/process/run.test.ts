import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  constants as files,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ended, type Machine, program, withTools } from './machine.ts';
import { fakeValue, newRunMachine } from './run-machine.ts';

let machine: Machine;
beforeAll(async () => {
  machine = await newRunMachine();
});
afterAll(() => machine.remove());

// What is asked for nothing needs no vault; with it there is something to mask.
const masking = ['run', '--env', `SECRET=\${secret:a.b}`, '--'];

const start = (args: readonly string[], stdio: readonly ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'pipe']) =>
  spawn(process.execPath, [program, ...args], { cwd: machine.work, env: machine.env, stdio: [...stdio] });

const mobius = (...args: string[]) => ended(start(args));

const until = async (seen: () => boolean): Promise<void> => {
  for (const end = Date.now() + 20_000; !seen(); await sleep(10)) {
    if (Date.now() > end) throw new Error('waited in vain');
  }
};

const textOf = (file: string): string =>
  existsSync(join(machine.work, file)) ? readFileSync(join(machine.work, file), 'utf8') : '';

describe('the exit code', () => {
  test('is that of the program, whichever of the 256', async () => {
    const script = `for i in $(seq 0 255); do mobius run sh -c "exit $i"; [ $? = $i ] || echo "$i"; done`;
    const parts = [0, 1].map((odd) => machine.bash(script.replace('seq 0 255', `seq ${odd} 2 255`)));
    for (const { stdout, stderr } of await Promise.all(parts))
      expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  }, 120_000);

  test.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGSEGV', 'SIGTERM', 'SIGUSR1'] as const)(
    'is 128 and the number of %s that ended it',
    async (signal) => {
      const number = constants.signals[signal];
      expect((await mobius('run', 'sh', '-c', `ulimit -c 0; kill -${number} $$`)).code).toBe(128 + number);
    },
  );

  test('is 127 where there is no such command', async () => {
    expect(await mobius('run', '--', 'no-such-command', '-o', 'json')).toEqual({
      code: 127,
      signal: null,
      stdout: '',
      stderr: 'mobius: error: there is no command "no-such-command"\n',
    });
    expect((await mobius('run', './nothing')).code).toBe(127);
    expect((await mobius('run', '')).code).toBe(127);
  });

  test('is 126 where it can not be executed', async () => {
    writeFileSync(join(machine.work, 'plain'), 'text\n');
    writeFileSync(join(machine.work, 'odd'), '#!/no/such/interpreter\n');
    chmodSync(join(machine.work, 'odd'), 0o755);
    expect(await mobius('run', './plain')).toMatchObject({
      code: 126,
      stderr: 'mobius: error: "./plain" can\'t be executed: permission denied\n',
    });
    expect(await mobius('run', './odd')).toMatchObject({ code: 126, stdout: '' });
    expect(await mobius('run', '/')).toMatchObject({ code: 126 });
  });
});

describe('the program', () => {
  test('gets its line as it was typed, its name too', async () => {
    const { stdout } = await mobius(
      'run',
      'bash',
      '-c',
      'printf "[%s]" "$0" "$@"',
      '',
      '-q',
      '--help',
      'a b',
      '--',
      '*',
    );
    expect(stdout).toBe('[][-q][--help][a b][--][*]');
    expect((await mobius('run', 'sh', '-c', 'cat /proc/$$/cmdline')).stdout).toMatch(/^sh\0-c\0/);
  });

  test('reads what mobius would read', async () => {
    expect((await machine.bash(`printf 'one\\ntwo\\n' | mobius ${masking.slice(0, 1).join('')} cat`)).stdout).toBe(
      'one\ntwo\n',
    );
  });

  test('gets nothing that opens the vault', async () => {
    const env = { MOBIUS_API_KEY: 'a', MOBIUS_VAULT_KEY: 'b', OTHER: 'c' };
    const { stdout } = await machine.bash('mobius run env; mobius run --env MOBIUS_API_KEY env', { env });
    expect(stdout.match(/^(MOBIUS|OTHER).*$/gm)).toEqual(['OTHER=c', 'OTHER=c', 'MOBIUS_API_KEY=a']);
  });

  test('is found in our PATH, whatever PATH it gets', async () => {
    expect((await mobius('run', '--pristine', '--env', 'A=1', 'env')).stdout).toBe('A=1\n');
    expect((await mobius('run', '--env', 'PATH=/nowhere', 'env')).stdout).toContain('PATH=/nowhere\n');
  });
});

describe('values', () => {
  test('are replaced in what goes to a pipe or a file, on both streams', async () => {
    const { stdout, stderr } = await mobius(...masking, 'sh', '-c', 'echo "out $SECRET"; echo "err $SECRET" >&2');
    expect({ stdout, stderr }).toEqual({ stdout: 'out ***\n', stderr: 'err ***\n' });
    const file = openSync(join(machine.work, 'out.txt'), 'a');
    await ended(start([...masking, 'sh', '-c', 'echo "$SECRET"'], ['ignore', file, 'pipe']));
    closeSync(file);
    expect(textOf('out.txt')).toBe('***\n');
  });

  test('are there for the program, and with --no-mask for the reader', async () => {
    const { stdout } = await mobius('run', '--no-mask', '--secret', 'a=X_', 'sh', '-c', 'echo "$X_API_KEY"');
    expect(stdout).toBe(`${fakeValue}\n`);
  });

  test('written in pieces are replaced, and a question is seen before its answer', async () => {
    const script = `printf '%s' "Name: "; read name; for i in $(seq 1 ${fakeValue.length}); do
      printf '%s' "$(printf '%s' "$SECRET" | cut -c $i)"; done; echo " $name"`;
    const child = start([...masking, 'bash', '-c', script], ['pipe', 'pipe', 'pipe']);
    let seen = '';
    child.stdout?.on('data', (part) => {
      seen += part;
    });
    await until(() => seen === 'Name: ');
    child.stdin?.end('somebody\n');
    await ended(child);
    expect(seen).toBe('Name: *** somebody\n');
  });

  test('leave the order of both streams as it was, where they are one', async () => {
    const script = 'for i in 1 2 3 4 5; do echo "out $i $SECRET"; echo "err $i" >&2; done';
    const { stdout } = await machine.bash(`mobius ${masking.join(' ').replace('${', '\\${')} bash -c '${script}' 2>&1`);
    expect(stdout).toBe([1, 2, 3, 4, 5].map((i) => `out ${i} ***\nerr ${i}\n`).join(''));
  });

  test('go through a pipe that can be opened again', async () => {
    const { stdout, stderr } = await mobius(...masking, 'sh', '-c', 'echo out > /dev/stdout; echo err > /dev/stderr');
    expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    expect(readdirSync(machine.work).filter((name) => name.startsWith('mobius-run-'))).toEqual([]);
  });
});

describe('much output', () => {
  const size = 8_000_000;
  const much = `head -c ${size} /dev/zero; echo "$SECRET"; exit 3`;

  test('is all there, even where the reader is slow', async () => {
    const line = `mobius run --env 'SECRET=\${secret:a.b}' bash -c '${much}'`;
    const { stdout } = await machine.bash(`{ ${line}; echo "code $?" >&2; } 2>code.txt | { sleep 0.5; wc -c; }`);
    expect(Number(stdout)).toBe(size + 4);
    expect(textOf('code.txt')).toBe('code 3\n');
  });

  test('of a program whose reader goes away ends it', async () => {
    const line = `mobius run --env 'SECRET=\${secret:a.b}'`;
    const { stdout } = await machine.bash(`{ ${line} yes; echo "code $?" > code.txt; } | head -1`);
    await until(() => textOf('code.txt') !== '');
    expect([stdout, textOf('code.txt')]).toEqual(['y\n', 'code 141\n']);
    await machine.bash('{ mobius run yes; echo "plain $?" > code.txt; } | head -1');
    expect(textOf('code.txt')).toBe('plain 141\n');
  });

  withTools('/dev/full')('that a full disk takes none of is told', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await ended(start([...masking, 'echo', 'x'], ['ignore', full, 'pipe']));
    closeSync(full);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'mobius: error: could not write to standard output: no space left on device\n',
    });
  });

  test('of something left behind is not waited for', async () => {
    const script = 'sleep 1000 & echo "$!"; echo "last $SECRET"';
    const { code, stdout } = await mobius(...masking, 'sh', '-c', script);
    const [pid, said] = stdout.trim().split('\n');
    expect(pid).toMatch(/^\d+$/);
    process.kill(Number(pid));
    expect({ code, said }).toEqual({ code: 0, said: 'last ***' });
    const flood = await mobius(...masking, 'sh', '-c', 'yes & exit 5');
    expect(flood.code).toBe(5);
  });
});

/** A program that writes down each signal it gets, and ends by what it is told on this. */
const listening = (log: string): string =>
  `for s in INT TERM HUP QUIT USR1 USR2 WINCH CONT; do trap "echo $s >> ${log}" $s; done;
   echo ready >> ${log}; until [ -e ${log}.end ]; do sleep 0.02; done; exit 9`;

describe('signals', () => {
  const linesOf = (log: string): string[] => textOf(log).split('\n').slice(0, -1);
  const listen = async (log: string): Promise<ChildProcess> => {
    const child = start([...masking, 'bash', '-c', listening(log)]);
    await until(() => textOf(log) === 'ready\n');
    return child;
  };

  test('that mobius gets reach the program, each once, and end it only if it wants', async () => {
    const names = ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2', 'WINCH', 'CONT'];
    const child = await listen('signals.txt');
    for (const [at, name] of names.entries()) {
      child.kill(`SIG${name}` as NodeJS.Signals);
      await until(() => linesOf('signals.txt').length >= at + 2);
    }
    writeFileSync(join(machine.work, 'signals.txt.end'), '');
    expect((await ended(child)).code).toBe(9);
    expect(linesOf('signals.txt')).toEqual(['ready', ...names]);
  });

  test('end a program that does not listen, and the exit code says so', async () => {
    const child = start([...masking, 'sh', '-c', 'echo ready > waiting.txt; exec sleep 1000']);
    await until(() => textOf('waiting.txt') !== '');
    child.kill('SIGTERM');
    expect(await ended(child)).toMatchObject({ code: 143, signal: null });
  });

  test('stop both, and wake both', async () => {
    // A group of its own below a parent of another one, or the system lets nothing be stopped that no shell could wake.
    const launcher =
      'my $p = fork; if (!$p) { setpgrp(0, 0); exec @ARGV } open F, ">mobius.txt"; print F "$p\\n"; close F;' +
      'waitpid($p, 0); exit($? & 127 ? 100 : $? >> 8)';
    const line = ['-e', launcher, program, 'run', 'sh', '-c', 'echo $$ > stopping.txt; exec sleep 1000'];
    const child = spawn('perl', line, { cwd: machine.work, env: machine.env });
    await until(() => textOf('stopping.txt').endsWith('\n') && textOf('mobius.txt').endsWith('\n'));
    const [mobiusPid, sleeping] = [Number(textOf('mobius.txt')), Number(textOf('stopping.txt'))];
    const stateOf = (pid: number): string =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\)\s/s, '')
        .slice(0, 1);
    process.kill(mobiusPid, 'SIGTSTP');
    await until(() => stateOf(mobiusPid) === 'T' && stateOf(sleeping) === 'T');
    process.kill(mobiusPid, 'SIGCONT');
    await until(() => stateOf(mobiusPid) !== 'T' && stateOf(sleeping) !== 'T');
    process.kill(mobiusPid, 'SIGTSTP');
    await until(() => stateOf(mobiusPid) === 'T' && stateOf(sleeping) === 'T');
    process.kill(mobiusPid, 'SIGTERM');
    process.kill(mobiusPid, 'SIGCONT');
    expect((await ended(child)).code).toBe(143);
  });

  test('before the program is there end mobius, and nothing is left', async () => {
    const fifo = join(machine.work, 'refs.fifo');
    execFileSync('mkfifo', [fifo]);
    const child = start(['run', '--env-file', fifo, 'touch', 'started.txt'], ['ignore', 'ignore', 'ignore']);
    let writer: number | undefined;
    await until(() => {
      try {
        // Fails until somebody reads.
        writer = openSync(fifo, files.O_WRONLY | files.O_NONBLOCK);
      } catch {}
      return writer !== undefined;
    });
    child.kill('SIGTERM');
    expect((await ended(child)).signal).toBe('SIGTERM');
    closeSync(writer ?? 0);
    expect(existsSync(join(machine.work, 'started.txt'))).toBe(false);
  });
});
