import { writeSync } from 'node:fs';

const wait = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

/** A descriptor that somebody else made non-blocking takes only what fits: wait, and go on where it stopped. */
export const writeAll = (descriptor: number, text: string): void => {
  const length = Buffer.byteLength(text);
  let bytes: Buffer | undefined;
  let written = 0;
  while (written < length) {
    try {
      // Hardly ever is there a rest, and bytes of our own cost more than the writing.
      if (written > 0) bytes ??= Buffer.from(text);
      written += bytes === undefined ? writeSync(descriptor, text) : writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      wait(5);
    }
  }
};
