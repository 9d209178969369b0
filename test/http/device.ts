import type { ServeOptions } from '../../src/server/serve.ts';
import { type Answered, createHttpWorld, type HttpWorld } from './world.ts';

export const password = 'correct horse battery staple';
export const admin = 'admin@example.com';
export const person = 'ann@example.com';

/** A server with an administrator, and with a user who is an operator in the project `default`. */
export interface DeviceWorld extends HttpWorld {
  /** Begins a device login as a program does. */
  begin(fields?: Record<string, string>): Promise<Begun>;
  /** What a program is answered that asks how its login stands. */
  poll(deviceCode: string): Promise<Answered>;
}

export interface Begun {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
}

export const form = 'application/x-www-form-urlencoded';

export const encoded = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();

export const createDeviceWorld = async (options: Partial<ServeOptions> = {}): Promise<DeviceWorld> => {
  const world = await createHttpWorld(options);
  const { owner } = world.vault;
  await owner('users.create', { email: admin, password, administrator: true });
  await owner('users.create', { email: person, password, role_ids: ['operator'] });
  const post = (path: string, fields: Record<string, string>): Promise<Answered> =>
    world.ask('POST', path, { headers: { 'Content-Type': form }, body: encoded(fields) });
  return {
    ...world,
    async begin(fields = {}) {
      const { status, body } = await post('/v1/auth/device/code', { mobius_label: "ann's laptop", ...fields });
      if (status !== 200) throw new Error(`no device login could be begun: ${status}`);
      return body as Begun;
    },
    async poll(deviceCode) {
      // Whoever asks again at once is told to slow down.
      world.vault.clock.now += 6_000;
      const grant = 'urn:ietf:params:oauth:grant-type:device_code';
      return post('/v1/auth/device/token', { grant_type: grant, device_code: deviceCode });
    },
  };
};
