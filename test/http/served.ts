import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach } from 'vitest';
import { type Machine, newMachine, program } from '../process/machine.ts';

const machines: Machine[] = [];
const started: ReturnType<typeof spawn>[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const machine of machines.splice(0)) machine.remove();
});

export const machineWithVault = async (address?: string): Promise<Machine> => {
  const machine = newMachine(address);
  machines.push(machine);
  const { code, stderr } = await machine.mobius(['vault', 'init']);
  if (code !== 0) throw new Error(stderr);
  return machine;
};

export interface Served {
  url: string;
  port: number;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/** The built program, serving; its first line says where. */
export const serve = async ({ work, env }: Machine, ...args: string[]): Promise<Served> => {
  const child = spawn(process.execPath, [program, 'serve', ...args], {
    cwd: work,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (part) => {
    texts.stdout += part;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...texts }));
  const url = await new Promise<string>((found, failed) => {
    child.stderr.on('data', (part) => {
      texts.stderr += part;
      const [, said] = /"url":"([^"]+)"/.exec(texts.stderr) ?? [];
      if (said !== undefined) found(said);
    });
    void ended.then(() => failed(new Error(texts.stderr)));
  });
  return { url, port: Number(/:(\d+)$/.exec(url)?.[1]), kill: (signal) => void child.kill(signal), ended };
};
