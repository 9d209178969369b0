import type { Speech } from '../calls/speech.ts';
import type { Io } from '../io.ts';
import type { Globals } from './command.ts';
import { type Destination, destinationOf } from './destination.ts';

/** What can be said where a line leads, told without asking anybody; undefined where it is our own contract. */
export const speechAt = async (io: Io, destination: Destination): Promise<Speech | undefined> => {
  if (destination.kind === 'vault' || destination.dialect === undefined) return undefined;
  const { dialect, organization } = destination;
  const [{ speechOf }, { dialectOf }] = await Promise.all([
    import('../calls/speech.ts'),
    import('../dialects/names.ts'),
  ]);
  return speechOf(await dialectOf(dialect), io, organization);
};

export const speechFor = async (io: Io, globals: Globals): Promise<Speech | undefined> =>
  speechAt(io, await destinationOf(io, globals));
