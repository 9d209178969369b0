import { describe, expect, test } from 'vitest';
import type { Machine } from '../process/machine.ts';
import { engines } from '../store/postgres-shared.ts';
import { countedIn, entriesOf, type Refusal, refusalsAmong } from './audit-log.ts';
import { addressAt, flood, malformedKey, unknownKey } from './flooding.ts';
import { machineWithVault, type Served, serve } from './served.ts';
import { exchange, sending } from './world.ts';

/** However many are refused: the audit log grows by the minute and by who they were, not by how often they asked. */

/** Of a minute, whoever else comes. */
const mostSources = 200;

interface Flooded {
  machine: Machine;
  served: Served;
  viewer: { keyId: string; key: string };
  /** Ends the server; what it noted since it began. */
  noted(): Promise<Refusal[]>;
}

const startAt = async (address: string | undefined): Promise<Flooded> => {
  const machine = await machineWithVault(address);
  const { key, api_key: made } = await machine.json<{ key: string; api_key: { id: string } }>(
    ...['principals', 'create', 'onlooker', '--role', 'Viewer', '--with-key'],
  );
  const served = await serve(machine, '--listen', '127.0.0.1:0', '--behind-proxy', '--log', 'info');
  const before = (await entriesOf(machine)).length;
  return {
    machine,
    served,
    viewer: { keyId: made.id, key },
    async noted() {
      served.kill('SIGTERM');
      expect((await served.ended).code).toBe(0);
      const added = (await entriesOf(machine)).slice(before);
      expect(added.filter(({ resource_type: type }) => type !== 'refusal')).toEqual([]);
      return refusalsAmong(added);
    },
  };
};

const distinct = (refusals: readonly Refusal[], ...fields: (keyof Refusal)[]): number =>
  new Set(refusals.map((refusal) => fields.map((field) => refusal[field]).join(' '))).size;

/** The first of a minute is told at once, the others when it is over. */
const expectTwiceAtMost = (refusals: readonly Refusal[]): void =>
  expect(refusals.length).toBeLessThanOrEqual(
    2 * distinct(refusals, 'action', 'credential', 'address', 'reason', 'minute'),
  );

describe.each(engines())('a flood of requests to a server over %s', (_, place) => {
  test('with keys that can not have been issued leaves no row, and is counted', async () => {
    const { served, noted } = await startAt(await place());
    const sent = await flood(served.port, 2_000, (n) => ({ key: malformedKey(), address: addressAt(n % 500) }));
    expect(sent).toEqual({ 401: 2_000 });
    const { text } = await exchange(served, 'GET', '/metrics');
    expect(text).toContain('mobius_http_requests_total{operation="auth.whoami",method="GET",status="401"} 2000\n');
    expect(await noted()).toEqual([]);
  });

  test('with keys that nobody issued, from one place, leaves two rows a minute', async () => {
    const { served, noted } = await startAt(await place());
    const sent = await flood(served.port, 2_000, () => ({ key: unknownKey(), address: '203.0.113.7' }));
    expect(sent).toEqual({ 401: 2_000 });
    const refusals = await noted();
    expect(countedIn(refusals)).toBe(2_000);
    expect(refusals.length).toBeLessThanOrEqual(2 * distinct(refusals, 'minute'));
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        action: 'auth.whoami',
        reason: 'unknown',
        address: '203.0.113.7',
        credential: null,
      });
    }
  });

  test('from a thousand places is counted without them beyond so many, and hides nobody who is known', async () => {
    const { served, viewer, noted } = await startAt(await place());
    const paths = ['/v1/auth/whoami', '/v1/projects/default/secrets'];
    const shown = (n: number) => ({ key: unknownKey(), address: addressAt(n), path: paths[n % 2] as string });
    expect(await flood(served.port, 1_000, shown)).toEqual({ 401: 1_000 });
    const asked = sending({ name: 'n', principal_id: 'onlooker' }, viewer.key);
    for (let n = 0; n < 3; n++) {
      expect((await exchange(served, 'POST', '/v1/projects/default/api-keys', asked)).status).toBe(403);
    }
    expect(await flood(served.port, 2_000, shown)).toEqual({ 401: 2_000 });

    const refusals = await noted();
    const strangers = refusals.filter(({ credential }) => credential === null);
    expect(countedIn(strangers)).toBe(3_000);
    expectTwiceAtMost(refusals);
    const minutes = distinct(refusals, 'minute');
    const nameless = strangers.filter(({ address }) => address === undefined);
    expect(nameless.length).toBeGreaterThan(0);
    expect(nameless.length).toBeLessThanOrEqual(2 * paths.length * minutes);
    const named = strangers.filter(({ address }) => address !== undefined);
    expect(distinct(named, 'address', 'minute')).toBeLessThanOrEqual(mostSources * minutes);
    expect(refusals.length).toBeLessThanOrEqual(2 * (mostSources + paths.length + 1) * minutes);
    const known = refusals.filter(({ credential }) => credential !== null);
    expect(known.map(({ credential }) => credential)).toEqual(known.map(() => viewer.keyId));
    expect(countedIn(known)).toBe(3);
  });
});
