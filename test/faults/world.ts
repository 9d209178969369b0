import { uuidSource } from '../../src/uuid.ts';
import type { World } from '../../src/vault/open.ts';

export const world: World = {
  now: () => Date.now(),
  newUuid: uuidSource(Date.now, (bytes) => crypto.getRandomValues(bytes)),
};
