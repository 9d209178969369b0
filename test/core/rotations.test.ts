import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../src/operations.ts';
import type { Row } from '../../src/store/db.ts';
import { newDatabase } from '../store/postgres-shared.ts';
import { open, type Stored } from './chain.ts';
import { begin, engines, made, reasonOf, rotate, rotator } from './rotation-world.ts';
import { makeVault, minute, outcome, refusal, type TestVault } from './world.ts';

const hour = 60 * minute;
const iso = (time: number): string => new Date(time).toISOString().replace('.000', '');

describe.each(engines)('on %s', (engine) => {
  let vault: TestVault;
  let owner: Call;
  let count = 0;
  beforeAll(async () => {
    vault = await makeVault(engine === 'sqlite' ? undefined : await newDatabase());
    owner = vault.owner;
    await owner('principals.create', { name: 'worker', role_ids: ['Worker'] });
  }, 60_000);
  afterAll(() => vault.close());

  const newKey = async (more: { expires_at?: string; tags?: Record<string, string>; rate_limit?: string } = {}) => {
    const name = `key-${++count}`;
    const { id, key } = await owner('api-keys.create', { name, principal_id: 'worker', ...more });
    return { name, id, key, subject: `api-keys/${name}` };
  };
  const get = (id: string) => owner('api-keys.get', { id });
  const codeOf = async (key: string): Promise<string> => (await owner('api-keys.verify', { key })).code;
  const stateOf = async (id: string): Promise<string> => (await get(id)).state;

  describe('the life of a key’s rotation', () => {
    test('both work until the grace is over, and never neither', async () => {
      const end = vault.clock.now + 240 * hour;
      const old = await newKey({ expires_at: iso(end), tags: { env: 'prod' }, rate_limit: '9/60s' });
      vault.clock.now += hour;
      const going = await begin(owner, old.subject, { grace_seconds: 3600 });
      const next = made(await going.issue());
      const about = { name: old.name, tags: { env: 'prod' }, rate_limit: '9/60s', rotated_from: old.id };
      expect(await get(next.id)).toMatchObject({ ...about, expires_at: iso(end + hour), state: 'active' });
      expect((await get(old.name)).id).toBe(old.id);
      for (const step of ['delivering', 'delivered', 'verified'] as const) {
        expect(await going.advance(step)).toMatchObject({ step, holder: 'one', successor_id: next.id });
        expect([await codeOf(old.key), await codeOf(next.key)]).toEqual(['VALID', 'VALID']);
      }
      const done = await going.finish();
      expect(done).toMatchObject({ step: 'done', ended_at: iso(vault.clock.now), subject_id: old.id });
      expect(done).not.toHaveProperty('holder');
      const retires = vault.clock.now + hour;
      expect(await get(old.id)).toMatchObject({ state: 'retiring', retires_at: iso(retires), replaced_by: next.id });
      expect((await get(old.name)).id).toBe(next.id);
      expect(await owner('api-keys.verify', { key: old.key })).toMatchObject({ expires_at: iso(retires) });
      vault.clock.now = retires - 1;
      expect(await vault.as(old.key)('auth.whoami', {})).toMatchObject({ name: 'worker' });
      vault.clock.now = retires;
      expect((await refusal(vault.as(old.key)('auth.whoami', {}))).code).toBe('unauthorized');
      expect([await codeOf(old.key), await codeOf(next.key)]).toEqual(['REVOKED', 'VALID']);
      const ended = await get(old.id);
      expect(ended).toMatchObject({ state: 'revoked', revoked_at: iso(retires) });
      expect(ended).not.toHaveProperty('retires_at');
    });

    test('without a grace the old one stops when the rotation is over', async () => {
      const old = await newKey();
      const next = await rotate(owner, old.subject);
      expect([await codeOf(old.key), await codeOf(next.key)]).toEqual(['REVOKED', 'VALID']);
      expect(await get(next.id)).not.toHaveProperty('expires_at');
    });

    test('what was made with the old key ends with it', async () => {
      const { key } = await vault.client(`minting ${++count}`, ['Operator']);
      const [token] = (await vault.as(key)('tokens.create', { expires_in_seconds: 86_400 })).items;
      const text = token?.token ?? '';
      await rotate(owner, `api-keys/minting ${count}`, { grace_seconds: 60 });
      expect((await owner('tokens.verify', { token: text })).valid).toBe(true);
      vault.clock.now += minute;
      expect((await owner('tokens.verify', { token: text })).valid).toBe(false);
      expect((await refusal(vault.as(text)('principals.list', {}))).code).toBe('unauthorized');
    });

    test('is found by its state, and holds its principal', async () => {
      const { handle: project } = await owner('projects.create', { name: `Listed ${++count}` });
      const { id: keyId } = await owner('principals.create', {
        project,
        name: 'p',
        role_ids: ['Viewer'],
        with_key: {},
      });
      const old = (await owner('api-keys.list', { project, principal_id: keyId })).items[0]?.id ?? '';
      const { rotation, lock = '' } = await owner('rotations.start', {
        project,
        subject: `api-keys/${old}`,
        holder: 'h',
        grace_seconds: 60,
      });
      const going = { project, rotation: rotation?.id ?? '', lock };
      const { rotation: issued } = await owner('rotations.issue', going);
      await owner('rotations.advance', { ...going, step: 'verified' });
      await owner('rotations.finish', going);
      const next = issued.successor_id ?? '';
      const ids = async (state: 'active' | 'retiring' | 'revoked' | 'expired' | 'disabled'): Promise<string[]> =>
        (await owner('api-keys.list', { project, state })).items.map(({ id }) => id);
      expect([await ids('active'), await ids('retiring'), await ids('revoked')]).toEqual([[next], [old], []]);
      await owner('api-keys.revoke', { project, id: next });
      expect(await reasonOf(owner('principals.delete', { project, id: 'p' }))).toBe('active_keys');
      await owner('api-keys.update', { project, id: old, state: 'disabled' });
      expect([await ids('disabled'), await ids('retiring')]).toEqual([[old], []]);
      await owner('api-keys.update', { project, id: old, state: 'active' });
      vault.clock.now += minute;
      expect([await ids('retiring'), await ids('revoked')]).toEqual([[], [old, next]]);
      await owner('principals.delete', { project, id: 'p' });
      await owner('projects.archive', { id: project });
      expect(await reasonOf(owner('rotations.start', { project, subject: `api-keys/${old}`, holder: 'h' }))).toBe(
        'project_archived',
      );
      await owner('projects.delete', { id: project });
    });

    test('what retires can be revoked, and is not rotated once more', async () => {
      const old = await newKey();
      await rotate(owner, old.subject, { grace_seconds: 60 });
      expect(await reasonOf(begin(owner, `api-keys/${old.id}`))).toBe('key_retiring');
      expect(await reasonOf(owner('api-keys.rotate', { id: old.id }))).toBe('key_retiring');
      await owner('api-keys.revoke', { id: old.id });
      expect(await codeOf(old.key)).toBe('REVOKED');
    });

    test('at once, with a grace', async () => {
      const old = await newKey();
      await owner('rotations.set', { subject: old.subject as never, every_seconds: 86_400 });
      const next = await owner('api-keys.rotate', { id: old.name, grace_seconds: 60 });
      expect((await get(old.name)).id).toBe(next.id);
      expect([await codeOf(old.key), await codeOf(next.key)]).toEqual(['VALID', 'VALID']);
      const { items } = await owner('rotations.due', { include_later: true, limit: 200 });
      expect(items.find(({ subject }) => subject === old.subject)).toMatchObject({ subject_id: next.id });
      vault.clock.now += minute;
      expect([await codeOf(old.key), await codeOf(next.key)]).toEqual(['REVOKED', 'VALID']);
    });

    test('a name of its own, the same name, and one that is taken', async () => {
      const [old, other] = [await newKey(), await newKey()];
      const going = await begin(owner, old.subject, { name: `new-${old.name}` });
      await going.issue();
      await going.advance('delivering');
      // A run that was ended: nobody knows whether the one before is in use, and the name goes to the one after it.
      const next = made(await going.issue());
      await going.bring();
      await going.finish();
      expect((await get(`new-${old.name}`)).id).toBe(next.id);
      expect((await refusal(get(old.name))).code).toBe('not_found');
      const same = await rotate(owner, `api-keys/new-${old.name}`, { name: `new-${old.name}` });
      expect((await get(`new-${old.name}`)).id).toBe(same.id);
      const taken = await begin(owner, `api-keys/new-${old.name}`, { name: other.name });
      expect((await refusal(taken.issue())).code).toBe('already_exists');
      await taken.abort();
    });

    test('an end of its own must be one that is to come', async () => {
      const { subject } = await newKey();
      for (const expires_at of [iso(vault.clock.now), '1999-01-01T00:00:00Z']) {
        expect((await refusal(begin(owner, subject, { expires_at }))).code).toBe('invalid_input');
      }
      const expires_at = iso(vault.clock.now + hour);
      const next = await rotate(owner, subject, { expires_at });
      expect(await get(next.id)).toMatchObject({ expires_at });
    });
  });

  describe('in another order than it should be', () => {
    test('each step is refused that isn’t there yet, or is over', async () => {
      const { subject } = await newKey();
      const going = await begin(owner, subject);
      for (const step of ['delivering', 'delivered', 'verified'] as const) {
        expect(await reasonOf(going.advance(step))).toBe('no_successor');
      }
      expect(await reasonOf(going.finish())).toBe('not_verified');
      expect((await going.advance()).step).toBe('begun');
      expect((await refusal(going.issue({ values: { a: 'b' } }))).code).toBe('invalid_input');
      await going.issue();
      expect(await reasonOf(going.finish())).toBe('not_verified');
      await going.advance('delivered');
      expect(await reasonOf(going.finish())).toBe('not_verified');
      await going.advance('verified');
      expect(await reasonOf(going.advance('delivered'))).toBe('step_passed');
      // Brought once more, it is checked once more.
      await going.advance('delivering');
      expect(await reasonOf(going.finish())).toBe('not_verified');
      await going.advance('verified');
      await going.finish();
      for (const late of ['finish', 'issue', 'advance', 'abort'] as const) {
        expect(await reasonOf(going[late]()), late).toBe('rotation_ended');
      }
    });

    test('one that is nowhere, or in another project', async () => {
      const { subject } = await newKey();
      const going = await begin(owner, subject);
      const { handle: project } = await owner('projects.create', { name: `Elsewhere ${++count}` });
      for (const name of ['get', 'issue', 'advance', 'finish', 'abort'] as const) {
        for (const input of [
          { ...going, project },
          { ...going, rotation: 'rot_01h455vb4pex5vsknk084sn02q' },
        ]) {
          const { rotation, lock } = input;
          const where = 'project' in input ? { project: input.project } : {};
          const about = name === 'get' ? { rotation, ...where } : { rotation, lock, ...where };
          expect((await refusal(owner(`rotations.${name}`, about as never))).code, name).toBe('not_found');
        }
      }
      expect((await owner('rotations.list', { project })).items).toEqual([]);
      expect((await refusal(owner('rotations.start', { project, subject: subject as never, holder: 'h' }))).code).toBe(
        'not_found',
      );
      await going.abort();
    });
  });

  describe('whoever is at it', () => {
    test('keeps others from it for a minute after each step, and is named', async () => {
      const { subject } = await newKey();
      const started = vault.clock.now;
      const going = await begin(owner, subject, { holder: 'cron on build-1' });
      vault.clock.now += 59_999;
      await going.advance();
      vault.clock.now += 59_999;
      const { message, details } = await refusal(begin(owner, subject, { holder: 'two' }));
      expect(message).toBe(`"${subject}" is being rotated by cron on build-1, for 120 s`);
      expect(details).toMatchObject({ reason: 'rotation_held', holder: 'cron on build-1', since: iso(started) });
      expect(JSON.stringify(details)).not.toContain(going.lock);
      vault.clock.now += 1;
      const two = await begin(owner, subject, { holder: 'two' });
      expect(two.rotation).toBe(going.rotation);
      for (const late of ['issue', 'advance', 'finish', 'abort'] as const) {
        const error = await refusal(going[late]());
        expect([late, error.details.reason]).toEqual([late, 'rotation_lost']);
        expect(error.message).toBe(`the rotation of "${subject}" was taken over by two`);
      }
      vault.clock.now += hour;
      // Nobody is at it, but whoever was before the last one knows nothing of what that one did.
      expect(await reasonOf(going.abort({ withdrawn: true }))).toBe('rotation_lost');
      await two.abort();
    });

    test('leaves it, or is taken from it', async () => {
      const old = await newKey();
      const one = await begin(owner, old.subject);
      const first = made(await one.issue());
      await one.advance('delivering', { release: true });
      const two = await begin(owner, old.subject, { holder: 'two' });
      const three = await begin(owner, old.subject, { holder: 'three', take_over: true });
      expect(await reasonOf(two.issue())).toBe('rotation_lost');
      const next = made(await three.issue());
      await three.bring();
      await three.finish();
      expect(await Promise.all([old, first, next].map(({ id }) => stateOf(id)))).toEqual([
        'revoked',
        'revoked',
        'active',
      ]);
    });

    test('of two at once one has it', async () => {
      const { subject } = await newKey();
      const other = await vault.open();
      const started = await Promise.all(
        [owner, other.call, owner, other.call].map((call, at) =>
          outcome(call('rotations.start', { subject: subject as never, holder: `cron ${at}` })),
        ),
      );
      expect(started.map(({ code }) => code).sort()).toEqual(['conflict', 'conflict', 'conflict', undefined]);
      await other.close();
    });

    test('a raw key stands nowhere but in its answer, and no lock in what others read', async () => {
      const { subject, id } = await newKey();
      const going = await begin(owner, subject);
      const next = made(await going.issue());
      await going.bring();
      await going.finish();
      const rows = await vault.vault.db.all<Stored & Row>('select * from audit_log order by id');
      const entries = rows.map((row) => ({ ...row, changes: open(vault.vault, row).changes }));
      const told = JSON.stringify([
        await owner('rotations.list', { include_ended: true, limit: 200 }),
        await owner('rotations.get', { rotation: going.rotation }),
        entries,
      ]);
      for (const text of [next.key, next.key.slice(4), going.lock]) expect(told).not.toContain(text);
      const own = entries.filter((entry) => entry.resource_id === going.rotation);
      expect(own.map(({ action, changes }) => [action, changes?.step])).toEqual([
        ['rotations.start', 'begun'],
        ['rotations.issue', 'issued'],
        ['rotations.advance', 'delivering'],
        ['rotations.advance', 'delivered'],
        ['rotations.advance', 'verified'],
        ['rotations.finish', 'done'],
      ]);
      expect(own.every(({ changes }) => changes?.subject_id === id)).toBe(true);
      expect(own.at(-1)?.changes).toMatchObject({ successor_id: next.id });
    });

    test('who repeats a request gets the same answer, and makes no second key', async () => {
      const { subject } = await newKey();
      const start = { subject: subject as never, holder: 'h' };
      const started = await owner('rotations.start', start, { idempotencyKey: `start ${count}` });
      expect(await owner('rotations.start', start, { idempotencyKey: `start ${count}` })).toEqual(started);
      const going = rotator(owner, started.rotation?.id ?? '', started.lock ?? '');
      const input = { rotation: going.rotation, lock: going.lock };
      const issued = await owner('rotations.issue', input, { idempotencyKey: `issue ${count}` });
      expect(await owner('rotations.issue', input, { idempotencyKey: `issue ${count}` })).toEqual(issued);
      expect((await owner('rotations.get', { rotation: going.rotation })).successor_id).toBe(made(issued).id);
      vault.clock.now += 11 * minute;
      expect(await reasonOf(owner('rotations.issue', input, { idempotencyKey: `issue ${count}` }))).toBe(
        'already_done',
      );
      await going.abort();
      expect(await codeOf(made(issued).key)).toBe('REVOKED');
    });
  });
});
