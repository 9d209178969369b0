import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';

/** Makes what was written to a file survive a power cut. */
export const syncFile = (path: string): void => {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Without this a power cut could take away the name of a file whose content is already safe. */
export const syncFolder = (folder: string): void => {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows and some network drives don't let a folder be synced; there the file's own sync is all there is.
  }
};

/** Which file a path leads to at this moment. */
export const identityOf = (path: string): string => {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
};
