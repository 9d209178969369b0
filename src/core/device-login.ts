import { MobiusError } from '../errors.ts';
import type { DeviceCode, DeviceRequest, DeviceToken } from '../generated/types.ts';
import * as devices from '../store/device-codes.ts';
import * as projects from '../store/projects.ts';
import * as sessions from '../store/sessions.ts';
import { sourceOf } from './addresses.ts';
import { accessToken, sessionMs } from './auth-tokens.ts';
import { cliPrefix } from './caller.ts';
import { type Context, present } from './context.ts';
import { permissionsIn } from './identify.ts';
import { idPrefixes } from './ids.ts';
import { iso } from './iso.ts';
import { formatKey } from './key-format.ts';

const lifeMs = 10 * 60_000;
const intervalSeconds = 5;
/** A stranger may ask for codes; they must not fill the disk, nor take all there are. */
const mostPending = 5_000;
const mostPendingOfOne = 20;

/** Without vowels, so that no word comes out, and without what is mistaken for something else. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ';

/** As it was shown, in whatever way a person types it. */
export const foldUserCode = (text: string): string => text.toUpperCase().replace(/[^A-Z]/g, '');

const spelled = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;

const newUserCode = ({ randomBytes }: Context): string => {
  let code = '';
  while (code.length < 8) {
    // Of 256 values the last 16 would make some letters likelier than others.
    for (const byte of randomBytes(16))
      if (byte < 240 && code.length < 8) code += letters.charAt(byte % letters.length);
  }
  return code;
};

const refusal = (oauth: string, message: string, code: MobiusError['code'] = 'bad_request'): MobiusError =>
  new MobiusError(code, message, { oauth });

interface Asked {
  mobius_label?: string;
  mobius_requested_project_handle?: string;
  mobius_client?: string;
  mobius_client_version?: string;
  mobius_client_os?: string;
  mobius_client_arch?: string;
  client_id?: string;
}

export const beginDeviceLogin = async (context: Context, asked: Asked, publicUrl: string): Promise<DeviceCode> => {
  const source = sourceOf(context.caller.from?.ip ?? '127.0.0.1');
  const { all, own } = await devices.pending(context, source, context.now);
  if (own >= mostPendingOfOne) {
    throw new MobiusError('rate_limit_exceeded', 'too many logins from here are waiting', { retry_after_seconds: 60 });
  }
  if (all >= mostPending) {
    throw new MobiusError('service_unavailable', 'too many logins are waiting', { retry_after_seconds: 60 });
  }
  const deviceCode = formatKey('mbd_', context.randomBytes(32));
  const code = newUserCode(context);
  const named = [asked.mobius_client ?? asked.client_id, asked.mobius_client_version];
  const system = [asked.mobius_client_os, asked.mobius_client_arch].filter(Boolean).join(' ');
  const client = [named.filter(Boolean).join(' '), system].filter(Boolean).join(', ');
  const row = await devices.insert(
    context,
    context.newId(idPrefixes.deviceCode),
    {
      device_hash: context.sealer.keyHash(deviceCode),
      user_code_index: devices.userCodeIndex(context, code),
      source_index: devices.sourceIndex(context, source),
      state: 'pending',
      user_id: null,
      project_id: null,
      expires_at: context.now + lifeMs,
      created_at: context.now,
    },
    present({
      user_code: spelled(code),
      label: asked.mobius_label ?? asked.mobius_client ?? asked.client_id ?? 'a program without a name',
      client: client || undefined,
      project: asked.mobius_requested_project_handle,
      ip_address: context.caller.from?.ip,
    }),
  );
  if (row === undefined) throw new MobiusError('service_unavailable', 'try again', { retry_after_seconds: 1 });
  const page = `${publicUrl}/device`;
  return {
    device_code: deviceCode,
    user_code: spelled(code),
    verification_uri: page,
    verification_uri_complete: `${page}?user_code=${spelled(code)}`,
    expires_in: lifeMs / 1000,
    interval: intervalSeconds,
  };
};

/** Every question comes to its own transaction, so that asking too fast is noted though it is refused. */
export const asksTooFast = async (
  store: Pick<Context, 'db' | 'sealer'>,
  deviceCode: string,
  now: number,
): Promise<boolean> => {
  const row = await devices.byDeviceCode(store, deviceCode);
  return row !== undefined && !(await devices.poll(store, row.id, now, (intervalSeconds - 1) * 1000));
};

export const finishDeviceLogin = async (context: Context, deviceCode: string): Promise<DeviceToken> => {
  const row = await devices.byDeviceCode(context, deviceCode);
  if (row === undefined || row.clear.state === 'used') throw refusal('invalid_grant', 'this device code is none');
  if (row.clear.state === 'refused') throw refusal('access_denied', 'the login was refused');
  if (row.clear.expires_at <= context.now) throw refusal('expired_token', 'the login took too long');
  const { user_id: userId, project_id: projectId } = row.clear;
  if (row.clear.state !== 'approved' || userId === null) {
    throw refusal('authorization_pending', 'nobody has confirmed the login yet');
  }
  const project = projectId === null ? undefined : await projects.byId(context, projectId);
  if (projectId !== null && project === undefined) throw refusal('access_denied', 'the project is not there any more');
  await devices.update(context, row, { clear: { state: 'used' } });
  const { label, client, ip_address: ip } = row.plain;
  // Where a contract knows no renewal, its token lives as long as the session does, which is asked for at each use.
  const token = context.manner.deviceSession === true ? undefined : formatKey(cliPrefix, context.randomBytes(32));
  const session = await sessions.insert(
    context,
    context.newId(idPrefixes.session),
    {
      user_id: userId,
      project_id: projectId,
      kind: token === undefined ? 'session' : 'cli',
      token_hash: token === undefined ? null : context.sealer.keyHash(token),
      generation: 0,
      expires_at: token === undefined ? context.now + sessionMs : null,
      revoked_at: null,
      created_at: context.now,
    },
    present({ label, client, ip_address: ip }),
  );
  if (session === undefined) throw new MobiusError('internal', 'the credential could not be stored');
  await context.changed({ type: 'session', id: session.id, name: label, changes: { user_id: userId } });
  return present({
    access_token: token ?? (await accessToken(context, session, sessionMs / 1000)),
    token_type: 'Bearer' as const,
    credential_id: session.id,
    project_id: project?.id,
    project_handle: project?.plain.handle,
  });
};

export const deviceAnswer = ({ clear, plain }: devices.DeviceRow): DeviceRequest =>
  present({
    user_code: plain.user_code,
    label: plain.label,
    client: plain.client,
    project: plain.project,
    ip_address: plain.ip_address,
    state: clear.state === 'used' ? ('approved' as const) : (clear.state as 'pending' | 'approved' | 'refused'),
    created_at: iso(clear.created_at),
    expires_at: iso(clear.expires_at),
  });

/** The request behind a code that somebody still may decide; undefined for a code that is none. */
export const findRequest = async (
  store: Pick<Context, 'db' | 'sealer'>,
  userCode: string,
  now: number,
): Promise<devices.DeviceRow | undefined> => {
  const row = await devices.byUserCode(store, foldUserCode(userCode));
  return row === undefined || row.clear.expires_at <= now ? undefined : row;
};

const projectOf = async (context: Context, handle: string): Promise<projects.ProjectRow | undefined> => {
  const project = await projects.byHandle(context, handle);
  const permissions = project === undefined ? undefined : await permissionsIn(context, context.caller, project);
  return permissions === undefined ? undefined : project;
};

export const decideDeviceLogin = async (
  context: Context,
  row: devices.DeviceRow,
  approve: boolean,
): Promise<DeviceRequest> => {
  const { user } = context.caller;
  if (user === undefined) {
    throw new MobiusError('forbidden', 'only a user can lend their name to a login', { reason: 'interactive' });
  }
  if (row.clear.state !== 'pending') {
    throw new MobiusError('conflict', 'this login was decided already', { reason: 'decided' });
  }
  const wanted = row.plain.project;
  const project = wanted === undefined || !approve ? undefined : await projectOf(context, wanted);
  if (wanted !== undefined && approve && project === undefined) {
    throw new MobiusError('not_found', `no project "${wanted}"`, { resource: 'project', name: wanted });
  }
  const updated = await devices.update(context, row, {
    clear: {
      state: approve ? 'approved' : 'refused',
      user_id: user.id,
      project_id: project?.id ?? null,
    },
  });
  const { label } = row.plain;
  await context.changed({ type: 'device_login', id: row.id, name: label, changes: { approved: approve } });
  return deviceAnswer(updated);
};
