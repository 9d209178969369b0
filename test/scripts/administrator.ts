import { openServed } from '../../src/calls/local.ts';
import type { Manner } from '../../src/core/manner.ts';
import type { Place, World } from '../../src/vault/open.ts';

const email = 'admin@example.com';
const password = 'plainly a fake password of a test';

/** What somebody may show; each lasts for as long as a script may turn the clock. */
export interface Credentials {
  /** Of an administrator: a CLI credential, as a device login that they confirmed leaves one behind. */
  token: string;
  /** Theirs too, where the contracts of other systems are spoken: a session, as such a login gives there. */
  session?: string;
  /** There, of a program that may issue tokens. */
  key?: string;
}

export const makeCredentials = async (world: World, place: Place, forOthers: boolean): Promise<Credentials> => {
  const { core, close } = await openServed(world, place);
  try {
    const nobody = core.as({ kind: 'nobody' });
    await core.as({ kind: 'owner' })('users.create', { email, password, administrator: true });
    const { access_token: text } = await nobody('auth.login', { email, password });
    const confirmed = async (manner: Manner): Promise<string> => {
      const { user_code, device_code } = await nobody('auth.device-code', {});
      await core.as({ kind: 'bearer', text })('auth.decide-device', { user_code, approve: true });
      const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
      return (await core.as({ kind: 'nobody' }, manner)('auth.device-token', { grant_type, device_code })).access_token;
    };
    const token = await confirmed({});
    const session = forOthers ? await confirmed({ deviceSession: true }) : undefined;
    await core.as({ kind: 'bearer', text })('auth.logout', {});
    if (session === undefined) return { token };
    // In a project of its own, so that the lists of the others are empty.
    await core.as({ kind: 'owner' })('projects.create', { name: 'Programs', handle: 'programs' });
    const program = { project: 'programs', name: 'static', role_ids: ['Operator'], with_key: {} };
    const { api_key: made } = await core.as({ kind: 'owner' })('principals.create', program);
    return { token, session, key: made?.key ?? '' };
  } finally {
    await close();
  }
};
