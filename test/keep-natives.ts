import { createRequire } from 'node:module';

/**
 * Tests open files with better-sqlite3 themselves. What they made stays until their process ends, as what the product
 * makes does, and for the same reason: see `connectTo` in src/store/sqlite-binding.ts.
 */
type Method = (this: object, ...args: unknown[]) => unknown;

const require = createRequire(import.meta.url);
const Database = require('better-sqlite3') as new (file: string) => object;
const { cppdb } = require('better-sqlite3/lib/util') as { cppdb: symbol };

const kept = new Set<unknown>();
const first = new Database(':memory:');
// Every connection has this one prototype.
const native = Object.getPrototypeOf(Reflect.get(first, cppdb)) as Record<string, Method>;
for (const name of ['prepare', 'backup', 'exec', 'close']) {
  const method = native[name] as Method;
  native[name] = function (...args) {
    kept.add(this);
    const made = method.apply(this, args);
    kept.add(made);
    return made;
  };
}
kept.add(first);
