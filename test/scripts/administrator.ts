import { openServed } from '../../src/calls/local.ts';
import type { Place, World } from '../../src/vault/open.ts';

const email = 'admin@example.com';
const password = 'plainly a fake password of a test';

/**
 * The CLI credential of an administrator of this vault, as a device login that they confirmed leaves one behind: it
 * lasts for as long as a script may turn the clock.
 */
export const administrator = async (world: World, place: Place): Promise<string> => {
  const { core, close } = await openServed(world, place);
  try {
    const nobody = core.as({ kind: 'nobody' });
    await core.as({ kind: 'owner' })('users.create', { email, password, administrator: true });
    const { access_token: text } = await nobody('auth.login', { email, password });
    const { user_code, device_code } = await nobody('auth.device-code', {});
    await core.as({ kind: 'bearer', text })('auth.decide-device', { user_code, approve: true });
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const token = (await nobody('auth.device-token', { grant_type, device_code })).access_token;
    await core.as({ kind: 'bearer', text })('auth.logout', {});
    return token;
  } finally {
    await close();
  }
};
