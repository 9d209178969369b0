import { existsSync } from 'node:fs';
import type { LocalContext } from '../cli/command.ts';
import { localCommand } from '../cli/command.ts';
import { destinationOf } from '../cli/destination.ts';
import { placeOf, worldOf } from '../cli/profiles.ts';
import { exportLine } from '../cli/shell.ts';
import { shownPlace } from '../database-url.ts';
import { MobiusError } from '../errors.ts';
import type { ApiKeyCreated, Principal } from '../generated/types.ts';
import type { Call } from '../operations.ts';

const name = 'quickstart';

/** What to type next: each works with the key exported and without it. */
const next = ['mobius whoami', 'mobius can quickstart mobius.secrets.use', 'mobius api-keys list'];

const unless = async <T>(code: MobiusError['code'], work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MobiusError && error.code === code) return undefined;
    throw error;
  }
};

interface Made {
  principal: Principal;
  /** Absent where there is a usable key from an earlier run, which nobody can show again. */
  key: ApiKeyCreated | undefined;
}

/** The principal and its first key, made only where they are missing. */
const make = async (call: Call): Promise<Made> => {
  const created = await unless(
    'already_exists',
    call('principals.create', {
      name,
      description: 'made by mobius quickstart',
      role_ids: ['Worker'],
      with_key: { name },
    }),
  );
  if (created !== undefined) {
    const { api_key: key, ...principal } = created;
    return { principal, key };
  }
  const principal = await call('principals.get', { id: name });
  const { items } = await call('api-keys.list', { principal_id: principal.id, state: 'active', limit: 1 });
  if (items.length > 0) return { principal, key: undefined };
  const keyOf = (keyName: string) => call('api-keys.create', { name: keyName, principal_id: principal.id });
  const key = await unless('already_exists', keyOf(name));
  return { principal, key: key ?? (await keyOf(`${name}-${Date.parse(principal.updated_at)}`)) };
};

/** Shows what was made. A key that could not be handed over is taken back. */
const hand = async (context: LocalContext, call: Call, made: Made, result: object): Promise<void> => {
  try {
    context.show(result, made.key?.key);
  } catch (error) {
    if (made.key === undefined) throw error;
    await call('api-keys.revoke', { id: made.key.id });
    const words = error instanceof Error ? error.message : String(error);
    throw new MobiusError('internal', `could not write the result: ${words}; the key "${made.key.id}" was revoked`);
  }
};

export default localCommand({
  summary: 'make a vault, a first principal and its key, in one step',
  about:
    'Makes what is missing: the vault with its key file, the project "default", the principal "quickstart" with the ' +
    'role Worker, and its first key. Running it again makes nothing twice.',
  examples: ['mobius quickstart', 'mobius quickstart -o json | jq -r .key'],
  related: ['vault init', 'principals create', 'serve'],
  async run(context) {
    const { io, globals, say, warn } = context;
    if (globals.fields?.includes('key') === false) {
      throw new MobiusError('usage', '-F leaves out "key", which is shown only this once', {}, 'add key to -F');
    }
    if (globals.apiUrl !== undefined || globals.profile !== undefined) {
      const hint = 'leave --api-url and --profile out, and their variables; to sign in to a server: mobius auth login';
      throw new MobiusError('usage', 'quickstart works on a vault of this machine', {}, hint);
    }
    const usual = await destinationOf(io, globals);
    const { createLocal, openLocal } = await import('../calls/local.ts');
    const place = placeOf(io, globals);
    const created = existsSync(place.path)
      ? undefined
      : await unless('already_exists', createLocal(worldOf(io), place));
    const { vault, call, close } = await openLocal(worldOf(io), place, { kind: 'owner' });
    try {
      const made = await make(call);
      const { principal, key: issued } = made;
      const { key, ...apiKey } = issued ?? {};
      const paths = { path: shownPlace(place.path), unlocked_by: vault.unlocked.source };
      const brief = {
        vault: paths.path,
        opened_by: paths.unlocked_by,
        project: 'default',
        principal: `${principal.name} (${principal.id}), role Worker`,
        ...(issued === undefined ? {} : { api_key: `${issued.name} (${issued.id})`, key }),
      };
      const whole = {
        vault: { id: vault.id, ...paths, created: created !== undefined },
        project: 'default',
        principal,
        ...(issued === undefined ? {} : { key, api_key: apiKey }),
        next,
      };
      await hand(context, call, made, globals.output === 'pretty' ? brief : whole);
      if (issued === undefined) {
        // A script that reads .key finds none, so it is told in every mode.
        const tell = globals.output === 'pretty' && !globals.quiet ? say : warn;
        tell("all of it is there already; the key was shown when it was made and can't be shown again");
        tell(`for another one: mobius api-keys create --name my-key --principal-id ${name} --as-owner`);
      } else {
        say('to act with this key in this shell:');
        say(`  ${exportLine(io, 'MOBIUS_API_KEY', issued.key)}`);
      }
      if (usual.kind === 'server') {
        warn(`commands work on "${usual.url}" where nothing else is named; on this vault with --vault ${paths.path}`);
      }
      say('next, with the key or without it:');
      for (const line of next) say(`  ${line}`);
    } finally {
      await close();
    }
    return 0;
  },
});
