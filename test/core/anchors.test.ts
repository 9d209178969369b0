import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AuditAnchor } from '../../src/generated/types.ts';
import { auditLog, linkOf, macOf, noHash, setMark } from '../../src/store/audit.ts';
import type { Store } from '../../src/store/table.ts';
import { check } from '../vault/keeping.ts';
import { entryAt, fillLog, type Log, readLog, said, verifyAll, writeLog } from './tampering.ts';
import { day, makeVault, outcome, type TestVault } from './world.ts';

/** Text 1, number 2, bytes 3; the length in four bytes, the greatest first; the bytes. */
const spelled = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => {
      const body = Buffer.from(String(part));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return [Buffer.from([typeof part === 'string' ? 1 : 2]), length, body];
    }),
  );

/** As anybody can who has the anchor and the public key, and nothing of mobius. */
const isSigned = ({ vault_id, seq, hash, made_at, public_key, signature }: AuditAnchor): boolean =>
  verifySignature(
    null,
    spelled('mobius/audit-anchor/1', vault_id, seq, hash, made_at),
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: public_key }, format: 'jwk' }),
    Buffer.from(signature, 'base64url'),
  );

let vault: TestVault;
let whole: Log;
let early: AuditAnchor;
let anchor: AuditAnchor;
beforeAll(async () => {
  vault = await makeVault();
  await fillLog(vault, 20);
  early = await vault.owner('audit-logs.anchor', {});
  await fillLog(vault, 20);
  anchor = await vault.owner('audit-logs.anchor', {});
  await fillLog(vault, 5);
  whole = await readLog(vault.vault.db);
});
afterEach(() => writeLog(vault.vault.db, whole));
afterAll(() => vault.close());

const compare = async (...anchors: AuditAnchor[]) => {
  const {
    compared,
    not_comparable: before,
    findings,
  } = await vault.owner('audit-logs.compare', {
    anchors: anchors as [AuditAnchor],
  });
  return { compared, before, finds: findings.map(said), problems: findings.map(({ problem }) => problem).join('\n') };
};
const isFine = { compared: 1, before: 0, finds: [], problems: '' };

describe('an anchor', () => {
  test('says where the log ends, and is signed as is written down', async () => {
    const { seq, hash } = entryAt(whole, anchor.seq);
    expect(anchor).toMatchObject({
      vault_id: vault.vault.id,
      seq,
      hash: Buffer.from(hash as Uint8Array).toString('hex'),
    });
    expect(isSigned(anchor)).toBe(true);
    expect(isSigned({ ...anchor, seq: anchor.seq - 1 })).toBe(false);
    expect(await compare(early, anchor)).toEqual({ ...isFine, compared: 2 });
  });

  test.each<[string, (anchor: AuditAnchor) => Partial<AuditAnchor>]>([
    ['seq', ({ seq }) => ({ seq: seq - 1 })],
    [
      'seq and hash, as the log has them',
      ({ seq }) => {
        const { hash } = entryAt(whole, seq - 1);
        return { seq: seq - 1, hash: Buffer.from(hash as Uint8Array).toString('hex') };
      },
    ],
    ['hash', () => ({ hash: 'f'.repeat(64) })],
    ['made_at', () => ({ made_at: '2020-01-01T00:00:00Z' })],
    ['signature', () => ({ signature: early.signature })],
    ['a cut signature', ({ signature }) => ({ signature: signature.slice(0, -4) })],
    ['short signature', () => ({ signature: 'AA' })],
    ['public_key', ({ public_key: key }) => ({ public_key: `${key.startsWith('A') ? 'B' : 'A'}${key.slice(1)}` })],
  ])('whose %s was changed does not count', async (_, change) => {
    const changed = { ...anchor, ...change(anchor) };
    const { problems, ...found } = await compare(changed);
    expect(found).toEqual({ compared: 0, before: 0, finds: [`changed ${changed.seq}`] });
    expect(problems).toContain('this vault did not sign it, or it was changed');
  });

  test('of another vault does not count, under its own name or under this one', async () => {
    const other = await makeVault();
    try {
      await fillLog(other, 5);
      const strange = await other.owner('audit-logs.anchor', {});
      expect(isSigned(strange)).toBe(true);
      expect(strange.public_key).not.toBe(anchor.public_key);
      for (const [vault_id, why] of [
        [`${vault.vault.id.slice(0, -1)}_`, 'of another vault'],
        [vault.vault.id, 'did not sign it'],
      ] as const) {
        const { compared, problems } = await compare({ ...strange, vault_id });
        expect({ compared, problems }).toEqual({ compared: 0, problems: expect.stringContaining(why) });
      }
    } finally {
      await other.close();
    }
  });
});

/** What somebody can do who has the audit key too: every entry from a number on anew, and the end as it is then. */
const rewrite = (first: number, change: (seq: number) => object): Promise<void> =>
  vault.vault.db.tx('write', async (db) => {
    const store: Store = { db, sealer: vault.vault.sealer };
    let hash = first === 1 ? noHash : new Uint8Array(entryAt(whole, first - 1).hash as Uint8Array);
    const rows = await auditLog.select(store, `where t.seq >= ${first} order by t.seq`, []);
    await db.run('delete from audit_log where seq >= $1', [first]);
    for (const { id, clear, plain, free } of rows) {
      const seq = free.seq ?? 0;
      const columns = { ...clear, ...change(seq) };
      const mac = macOf(store, id, columns, plain);
      hash = new Uint8Array(linkOf(store, hash, seq, id, mac));
      await auditLog.insert(store, id, columns, plain, { seq, mac, hash });
      await setMark(store, 'head', { seq, hash, made_at: columns.created_at });
    }
  });

describe('a log that was written anew by somebody with its key', () => {
  test('looks whole, and the anchors from there on tell', async () => {
    await rewrite(early.seq + 5, (seq) => (seq === early.seq + 5 ? { action: 'roles.get' } : {}));
    expect((await verifyAll(vault.owner, 7)).findings).toEqual([]);
    expect((await check(vault.world, vault.place)).ok).toBe(true);
    const { problems, ...found } = await compare(early, anchor);
    expect(found).toEqual({ compared: 1, before: 0, finds: [`changed ${anchor.seq}`] });
    expect(problems).toContain('the log was written anew since');
  });

  test('behind the last anchor shows nowhere, and as it was it is the same', async () => {
    await rewrite(anchor.seq + 1, () => ({ action: 'roles.get' }));
    expect(await compare(early, anchor)).toEqual({ ...isFine, compared: 2 });
    await writeLog(vault.vault.db, whole);
    await rewrite(1, () => ({}));
    expect(await compare(early, anchor)).toEqual({ ...isFine, compared: 2 });
    expect((await readLog(vault.vault.db)).marks).toEqual(whole.marks);
  });

  test('that was cut off as if it had never been longer is told with where it ended', async () => {
    await vault.vault.db.tx('write', async (db) => {
      const { hash, created_at } = entryAt(whole, early.seq);
      await db.run('delete from audit_log where seq > $1', [early.seq]);
      const mark = { seq: early.seq, hash: new Uint8Array(hash as Uint8Array), made_at: Number(created_at) };
      await setMark({ db, sealer: vault.vault.sealer }, 'head', mark);
    });
    expect((await verifyAll(vault.owner, 7)).findings).toEqual([]);
    const { problems, ...found } = await compare(early, anchor);
    expect(found).toEqual({ compared: 1, before: 0, finds: [`cut_off ${early.seq + 1}-${anchor.seq}`] });
    expect(problems).toContain(`at ${anchor.made_at} it had ${anchor.seq} entries`);
  });
});

test('an entry that is missing where an anchor says one is found by it too', async () => {
  await writeLog(vault.vault.db, { ...whole, entries: whole.entries.filter(({ seq }) => seq !== early.seq) });
  expect((await compare(early, anchor)).finds).toEqual([`removed ${early.seq}`]);
});

test('without a sound end nothing is compared, and that is told', async () => {
  await writeLog(vault.vault.db, { ...whole, marks: [] });
  expect(await compare(early, anchor)).toMatchObject({ compared: 0, finds: ['changed'] });
  expect((await outcome(vault.owner('audit-logs.anchor', {}))).code).toBe('damaged');
});

test('in a pruned log anchors of before its beginning say nothing, at it and after it all they did', async () => {
  const one = await makeVault();
  try {
    await fillLog(one, 10);
    const first = await one.owner('audit-logs.anchor', {});
    await fillLog(one, 10);
    const at = await one.owner('audit-logs.anchor', {});
    one.clock.now += day;
    await fillLog(one, 3);
    const after = await one.owner('audit-logs.anchor', {});
    const { checkpoint } = await one.owner('audit-logs.prune', {
      before: new Date(one.clock.now - day / 2).toISOString(),
    });
    expect(checkpoint).toMatchObject({ seq: at.seq, hash: at.hash, public_key: at.public_key });
    expect(isSigned(checkpoint as AuditAnchor)).toBe(true);
    const anchors = [first, at, after, checkpoint as AuditAnchor] as const;
    expect(await one.owner('audit-logs.compare', { anchors: [...anchors] })).toEqual({
      compared: 3,
      not_comparable: 1,
      findings: [],
    });
    const wrong = { ...first, hash: 'f'.repeat(64) };
    expect((await one.owner('audit-logs.compare', { anchors: [wrong] })).findings.map(said)).toEqual([
      `changed ${first.seq}`,
    ]);
  } finally {
    await one.close();
  }
});
