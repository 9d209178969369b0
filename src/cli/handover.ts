import { MobiusError } from '../errors.ts';
import type { Call } from '../operations.ts';
import type { OneTime } from './command.ts';
import type { Delivery } from './deliver.ts';
import { reasonOf } from './files.ts';

interface Issued {
  oneTime: OneTime<never>;
  call: Call;
  output: unknown;
  input: unknown;
}

/** What was issued has reached nobody, so it must not go on working: it is taken back, and its id named. */
const takeBack = async (where: string, error: unknown, issued: Issued): Promise<MobiusError> => {
  const { oneTime, call, output, input } = issued;
  const { noun = 'key' } = oneTime;
  const id = oneTime.id(output as never);
  const lost = `could not write ${where}: ${reasonOf(error)}`;
  try {
    await oneTime.takeBack(call, output as never, input as never);
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    const message = `${lost}; the ${noun} ${id} could not be revoked either and still works: ${why}`;
    const command = noun === 'key' ? 'api-keys' : 'tokens';
    return new MobiusError('internal', message, { id, revoked: false }, `revoke it: mobius ${command} revoke ${id}`);
  }
  return new MobiusError('internal', `${lost}; the ${noun} ${id} was revoked`, { id, revoked: true });
};

/**
 * Hands a one-time value over: to its file where there is one, else with everything else on stdout. If that fails, what
 * was issued is taken back.
 */
export const handOver = async (
  { text, toStdout, delivery }: { text: string; toStdout: () => void; delivery: Delivery | undefined },
  issued: Issued,
): Promise<void> => {
  try {
    if (delivery === undefined) toStdout();
    else delivery.write(`${text}\n`);
  } catch (error) {
    throw await takeBack(delivery === undefined ? 'to standard output' : `"${delivery.path}"`, error, issued);
  }
  if (delivery !== undefined) toStdout();
};
