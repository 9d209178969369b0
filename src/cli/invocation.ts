import type { Io } from '../io.ts';
import type { AnyCommand, FlagValues, Globals } from './command.ts';
import type { Reader } from './files.ts';
import type { Flag, Known } from './flags.ts';
import type { Given } from './line.ts';
import type { Product } from './product.ts';

/** One command line, taken apart: what running it needs. */
export interface Invocation<C extends AnyCommand = AnyCommand> {
  io: Io;
  product: Product;
  words: readonly string[];
  spec: C['spec'];
  /** The command's flags, in the order they were typed. */
  given: readonly Given<Flag>[];
  operands: readonly string[];
  flags: readonly Flag[];
  extra: FlagValues;
  globals: Globals;
  reader: Reader;
  known: C extends { kind: 'operation' } ? Known : undefined;
}
