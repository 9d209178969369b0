import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a server that can be cut, or fall silent, as lines do. */
export interface Line {
  port: number;
  /** From now on nothing goes through and nobody is told. */
  silence(): void;
  /** From now on every connection is refused, and those that are there are broken. */
  cut(): void;
  /**
   * Breaks a connection over which the one text went and then the other, when the server answers to that: it was done, and
   * nobody hears of it.
   */
  loseAnswerTo(before: string, text: string): void;
  mend(): void;
  close(): Promise<void>;
}

export const openLine = async (to: number): Promise<Line> => {
  const sockets = new Set<Socket>();
  let state: 'open' | 'silent' | 'cut' = 'open';
  let losing: [before: string, text: string] | undefined;

  const breakAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    let isNear = false;
    let isLosing = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        // Whoever is behind a silent line does not hear that the other end has gone.
        if (state !== 'silent') for (const other of [near, far]) other.destroy();
      });
    }
    near.on('data', (bytes) => {
      const [before = '', text = ''] = losing ?? [];
      if (losing !== undefined && isNear && bytes.includes(text)) {
        isLosing = true;
        losing = undefined;
      }
      isNear ||= losing !== undefined && bytes.includes(before);
      if (state === 'open') far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (isLosing) near.resetAndDestroy();
      else if (state === 'open') near.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => {
      state = 'silent';
    },
    cut() {
      state = 'cut';
      breakAll();
    },
    loseAnswerTo: (...texts) => {
      losing = texts;
    },
    mend() {
      // What was lost on a silent line does not come later.
      if (state === 'silent') breakAll();
      state = 'open';
    },
    async close() {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
};
