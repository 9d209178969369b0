import { isUtf8 } from 'node:buffer';

/** The text that these bytes spell; throws where they spell none. A TextDecoder does the same, and is slow to make. */
export const textOf = (bytes: Uint8Array): string => {
  if (!isUtf8(bytes)) throw new TypeError('this is not valid UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
};
