import { setTimeout as sleep } from 'node:timers/promises';
import type { Globals } from '../cli/command.ts';
import { MobiusError } from '../errors.ts';
import type { ApiKey } from '../generated/types.ts';
import { SinkError } from '../io.ts';
import { checkBy, commandDelivery } from './command.ts';
import { checkEnvironment, commandEnvironment } from './environment.ts';
import { fileDeliveries } from './file.ts';
import { type Delivery, type Going, type Handed, type Plan, type Successor, Undelivered } from './plan.ts';

/** How a new key gets to where it is used, and how that is made sure of. */
export interface KeyWays {
  /** Files that hold the key in one line. */
  files: readonly string[];
  /** What named them; --out where absent. */
  filesBy?: string;
  /** Lines for the shell that get it on stdin, or in the variable. */
  commands: readonly string[];
  variable?: string;
  verify?: string;
  /** It must be seen in use within this time. */
  useWithinSeconds?: number;
  timeoutSeconds: number;
  /** Where nothing else is named: shows the key. Throws where it can't. */
  show?(successor: Successor): void;
}

const pollMs = 1000;

const waitForUse = async ({ io, call, project }: Going, keyId: string, seconds: number): Promise<void> => {
  const end = io.now() + seconds * 1000;
  for (;;) {
    const { last_used_at: used } = await call('api-keys.get', { project, id: keyId });
    if (used !== undefined) return;
    if (io.now() >= end) throw new Error(`nobody used it within ${seconds} s`);
    await sleep(Math.min(pollMs, Math.max(1, end - io.now())));
  }
};

const onStdout = (show: (successor: Successor) => void, last: () => Successor): Delivery => ({
  about: 'standard output',
  prepare: () => undefined,
  async deliver() {
    try {
      show(last());
    } catch (error) {
      throw error instanceof SinkError ? new Undelivered(error.message) : error;
    }
  },
  discard: () => undefined,
});

/** How an API key is rotated. */
export const keyPlan = (going: Going, globals: Globals, start: Plan['start'], ways: KeyWays): Plan => {
  const { io, log, project } = going;
  const { files, filesBy = '--out', commands, variable, verify, useWithinSeconds, timeoutSeconds, show } = ways;
  const timeoutMs = timeoutSeconds * 1000;
  let successor: Successor | undefined;
  const last = (): Successor => {
    if (successor === undefined) throw new Error('there is no successor yet');
    return successor;
  };
  const toCommand = (line: string): Delivery => ({
    ...commandDelivery(io, { line, env: {}, timeoutMs }, log),
    deliver: (handed, rotationId) =>
      commandDelivery(io, { line, env: commandEnvironment(io, last()), timeoutMs }, log).deliver(handed, rotationId),
  });
  const places = [...fileDeliveries(io, files, filesBy), ...commands.map(toCommand)];
  return {
    start,
    deliveries: places.length === 0 && show !== undefined ? [onStdout(show, last)] : places,
    async handed(one): Promise<Handed> {
      successor = one;
      const { key = '' } = one;
      return { text: key, variables: variable === undefined ? {} : { [variable]: key }, hidden: [key] };
    },
    async check(handed, { key = '', keyId = '' }) {
      if (verify !== undefined) {
        const env = checkEnvironment(io, globals, project);
        const variables = { ...handed.variables, MOBIUS_API_KEY: key };
        await checkBy(io, { line: verify, env, timeoutMs }, { ...handed, variables }, log);
      }
      if (useWithinSeconds !== undefined) await waitForUse(going, keyId, useWithinSeconds);
    },
  };
};

/** What is known of the new key, without the key. */
export const successorRecord = async (
  { call, project }: Going,
  { apiKey, keyId = '' }: Successor,
): Promise<Pick<ApiKey, 'id'> & Partial<ApiKey>> => {
  if (apiKey !== undefined) return apiKey;
  try {
    return await call('api-keys.get', { project, id: keyId });
  } catch (error) {
    // The key that asked may have stopped by now, for it was the one that was replaced.
    if (error instanceof MobiusError && error.code === 'unauthorized') return { id: keyId };
    throw error;
  }
};
