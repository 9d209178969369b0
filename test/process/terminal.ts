import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './machine.ts';

/** A real terminal of 80 columns with bash in it: what is typed, and what a person would see. */
export interface Terminal {
  type(text: string): void;
  /** Types a line, and Enter. */
  enter(line: string): void;
  /** The same on an empty screen, so that what is seen next is what the line did. */
  run(line: string): Promise<void>;
  /** One key by tmux's name for it, such as C-c or Tab. */
  press(key: string): void;
  /** The lines on the screen, once one of them fits. */
  shows(pattern: RegExp): Promise<string[]>;
  /** The lines on the screen with their colours, those that were broken at the edge as one. */
  painted(): string[];
  resize(columns: number, rows: number): void;
  close(): void;
}

const limitMs = 20_000;

export const openTerminal = ({ env, work }: Machine): Terminal => {
  const socket = join(work, '.tmux');
  const tmux = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      env: { ...env, TERM: 'xterm-256color' },
      cwd: work,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  tmux('new-session', '-d', '-x', '80', '-y', '50', 'bash --noprofile --norc');
  const screen = (): string[] => tmux('capture-pane', '-p').trimEnd().split('\n');
  const until = async (seen: () => boolean, what: string): Promise<void> => {
    for (const end = Date.now() + limitMs; !seen(); await sleep(50)) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}:\n${screen().join('\n')}`);
    }
  };
  const terminal: Terminal = {
    type: (text) => void tmux('send-keys', '-l', '--', text),
    enter(line) {
      terminal.type(line);
      terminal.press('Enter');
    },
    press: (key) => void tmux('send-keys', key),
    async run(line) {
      terminal.enter('clear');
      await until(() => screen().join() === '$', 'an empty screen');
      terminal.enter(line);
    },
    async shows(pattern) {
      let lines: string[] = [];
      await until(() => {
        lines = screen();
        return lines.some((line) => pattern.test(line));
      }, String(pattern));
      return lines;
    },
    painted: () => tmux('capture-pane', '-p', '-e', '-J').trimEnd().split('\n'),
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    close: () => void tmux('kill-server'),
  };
  terminal.enter("PS1='$ '; unset HISTFILE");
  return terminal;
};
