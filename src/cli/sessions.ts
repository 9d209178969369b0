import { MobiusError } from '../errors.ts';
import type { Session } from '../generated/types.ts';
import type { Io } from '../io.ts';
import type { Call } from '../operations.ts';
import { changeCredentials, type Profile, withProfile } from './credentials.ts';
import type { Saved } from './destination.ts';

/** What ends sooner than this might end while it is on its way. */
const marginMs = 30_000;
/** Shorter than the lock counts that it is done under. */
const refreshMs = 15_000;

type Open = (more: { timeoutMs?: number }) => Promise<{ call: Call; close(): void }>;

/** A session as it is saved. */
export const sessionFields = (io: Io, session: Session): Profile => ({
  access_token: session.access_token,
  refresh_token: session.refresh_token,
  expires_at: new Date(io.now() + session.expires_in * 1000).toISOString(),
  // Other systems don't tell it.
  ...(session.credential_id === undefined ? {} : { credential_id: session.credential_id }),
});

const isFresh = (io: Io, { access_token: token, expires_at: end = '' }: Profile): boolean =>
  token !== undefined && Date.parse(end) - io.now() > marginMs;

/**
 * The next pair of tokens, asked for by one process at a time: a second use of a refresh token looks like a theft, and
 * ends the session. Who waited finds what the other one got.
 */
const refreshed = (io: Io, name: string, open: Open): Promise<string | undefined> =>
  changeCredentials(io, async (now) => {
    const profile = now.profiles.get(name);
    if (profile?.refresh_token === undefined || isFresh(io, profile)) return { result: profile?.access_token };
    const { call, close } = await open({ timeoutMs: refreshMs });
    try {
      const session = await call('auth.refresh', { refresh_token: profile.refresh_token });
      const next = withProfile(now, name, { ...profile, ...sessionFields(io, session) });
      return { next, result: session.access_token };
    } catch (error) {
      if (!(error instanceof MobiusError) || error.kind.http !== 401) throw error;
      const hint = `sign in again: mobius auth login --profile ${name}`;
      throw new MobiusError('unauthorized', `the session of the profile "${name}" has ended`, {}, hint);
    } finally {
      close();
    }
  });

/** What the profile shows to its server, good for the next moments; undefined where nothing is saved. */
export const savedToken = async (io: Io, { name, profile }: Saved, open: Open): Promise<string | undefined> => {
  if (profile.token !== undefined) return profile.token;
  if (profile.refresh_token === undefined) return profile.access_token;
  return isFresh(io, profile) ? profile.access_token : refreshed(io, name, open);
};
