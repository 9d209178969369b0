import { MobiusError } from '../errors.ts';
import type { Session } from '../generated/types.ts';
import * as sessions from '../store/sessions.ts';
import type { Store } from '../store/table.ts';
import type { UserRow } from '../store/users.ts';
import { type Context, present } from './context.ts';
import { idPrefixes, parseTypeId, typeId } from './ids.ts';
import { openSigner } from './jwt.ts';
import { formatKey, keyBytes, parseKey } from './key-format.ts';
import { sessionJwt } from './session-identity.ts';

export const accessSeconds = 15 * 60;
export const sessionMs = 30 * 86_400_000;

const refreshPrefix = 'mbr_';
const macLength = 12;

const numberBytes = (generation: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, generation);
  return bytes;
};

/**
 * A refresh token says which session and which generation of it, and proves both: none is kept, and an earlier one is
 * known for what it is when it comes again.
 */
const refreshToken = (store: Store, sessionId: string, generation: number): string => {
  const { uuid = new Uint8Array(16) } = parseTypeId(sessionId) ?? {};
  const mac = store.sealer.index('refresh', sessionId, String(generation)).subarray(0, macLength);
  return formatKey(refreshPrefix, Uint8Array.from([...uuid, ...numberBytes(generation), ...mac]));
};

/** Which session and generation a refresh token is of; undefined for what we never gave. */
export const readRefreshToken = (store: Store, text: string): { sessionId: string; generation: number } | undefined => {
  const parsed = parseKey(text);
  if (!parsed.ok || parsed.prefix !== refreshPrefix) return undefined;
  const bytes = keyBytes(parsed);
  const sessionId = typeId(idPrefixes.session, bytes.slice(0, 16));
  const generation = new DataView(bytes.buffer).getUint32(16);
  return refreshToken(store, sessionId, generation) === parsed.key ? { sessionId, generation } : undefined;
};

/** A JWT that acts as the session for so long, if that stands for so long. */
export const accessToken = async (
  context: Context,
  session: sessions.SessionRow,
  seconds = accessSeconds,
): Promise<string> => {
  const { issuer, now } = context;
  const sign = await openSigner(context, sessionJwt);
  const issued = Math.floor(now / 1000);
  return sign({ iss: issuer, sub: session.clear.user_id, sid: session.id, iat: issued, exp: issued + seconds });
};

/** The pair of tokens of a session as it stands now. */
export const tokensOf = async (context: Context, session: sessions.SessionRow): Promise<Session> => {
  return {
    access_token: await accessToken(context, session),
    token_type: 'Bearer',
    expires_in: accessSeconds,
    refresh_token: refreshToken(context, session.id, session.clear.generation),
    credential_id: session.id,
  };
};

/** A login of a person who has proved who they are. */
export const startSession = async (context: Context, user: UserRow, label: string): Promise<sessions.SessionRow> => {
  const session = await sessions.insert(
    context,
    context.newId(idPrefixes.session),
    {
      user_id: user.id,
      project_id: null,
      kind: 'session',
      token_hash: null,
      generation: 0,
      expires_at: context.now + sessionMs,
      revoked_at: null,
      created_at: context.now,
    },
    present({ label, ip_address: context.caller.from?.ip }),
  );
  if (session === undefined) throw new MobiusError('internal', 'the session could not be stored');
  await context.changed({ type: 'session', id: session.id, name: label, changes: { user_id: user.id } });
  return session;
};
