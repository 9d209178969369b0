import { MobiusError } from '../errors.ts';

interface EngineError {
  code?: string;
  message?: string;
}

export const codeOf = (error: unknown): string => String((error as EngineError | undefined)?.code ?? '');

/** Two transactions were in each other's way: the same one again may well succeed. */
const isCollision = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

/** Why a server was not had: another attempt may well find one. */
const away = ['database', 'database_standby'];

/** Nobody is at the other end of the connection any more, or not one who may write. */
export const isLost = (error: unknown): boolean => {
  if (error instanceof MobiusError) return away.includes(String(error.details.reason));
  const { message = '' } = (error ?? {}) as EngineError;
  return (
    /^(08|57P0)|^E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)/.test(codeOf(error)) ||
    /^(Connection terminated|Client has encountered a connection error)/.test(message)
  );
};

/** What was prepared on a connection before a table changed is refused on it from then on, and not done. */
export const isStale = (error: unknown): boolean =>
  codeOf(error) === '0A000' && (error as { routine?: string }).routine === 'RevalidateCachedQuery';

/** Nothing of the transaction stands, and it may well succeed when it is begun anew, on another connection. */
export const mayPass = (error: unknown): boolean => isLost(error) || isCollision(error) || isStale(error);

/** Waiting may mend it: too many connections, a lock or a statement that took too long, a server that starts or stops. */
const isBusy = (error: unknown): boolean => /^(53|55P03|57014)/.test(codeOf(error));

const unavailable = (message: string, reason: string): MobiusError =>
  new MobiusError('service_unavailable', message, { reason });

/** Whoever was asked to change something does not take changes: nothing of it was done. */
export const isRefusedByStandby = (error: unknown): boolean => codeOf(error) === '25006';

export const isStandby = (error: unknown): boolean =>
  error instanceof MobiusError && error.details.reason === 'database_standby';

export const standby = (message: string, cause?: unknown): MobiusError =>
  Object.assign(unavailable(message, 'database_standby'), { cause });

/** The engine's own words hold a value now and then, as those of a uniqueness conflict do: only its code is told. */
export const translate = (error: unknown): MobiusError => {
  if (error instanceof MobiusError) return error;
  if (isLost(error)) return Object.assign(unavailable('the database does not answer', 'database'), { cause: error });
  if (isBusy(error) || isCollision(error)) {
    return Object.assign(unavailable('the database is too busy', 'database_busy'), { cause: error });
  }
  const code = codeOf(error);
  const what = code === '' ? 'the database failed' : `the database refused a statement (${code})`;
  return Object.assign(new MobiusError('internal', what), { cause: error });
};

/** Whether a change stands nobody knows: it must not be tried again as if it didn't. */
export const outcomeUnknown = (error: unknown): MobiusError =>
  Object.assign(unavailable('the database went away while it was told to keep a change', 'outcome_unknown'), {
    cause: error,
  });
