import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import Sqlite from 'better-sqlite3';
import { expect } from 'vitest';
import { coreOver, createLocal, type Local, openLocal } from '../../src/calls/local.ts';
import type { Actor } from '../../src/core/caller.ts';
import type { Core } from '../../src/core/core.ts';
import { MobiusError } from '../../src/errors.ts';
import { formats } from '../../src/formats.ts';
import type { Principal } from '../../src/generated/types.ts';
import type { Call, Name } from '../../src/operations.ts';
import { readSchemas } from '../../src/tools/read.ts';
import { bare, closed, inline } from '../../src/tools/schema.ts';
import { openVault, type Place, type Vault, type World } from '../../src/vault/open.ts';

export const minute = 60_000;
export const day = 86_400_000;
export const owner: Actor = { kind: 'owner' };

/** Who acts in a test: a principal, its raw key, and the operations as that key may use them. */
export interface Client {
  principal: Principal;
  key: string;
  keyId: string;
  call: Call;
}

/** A vault in a folder of its own, whose clock stands until a test moves it and whose ids count. */
export interface TestVault {
  folder: string;
  path: string;
  place: Place;
  world: World;
  clock: { now: number };
  vault: Vault;
  core: Core;
  owner: Call;
  /** As a key may use them, over the same handle as the owner's. */
  as(key: string): Call;
  /** One more handle on the same file, as another process would have it; closed with the vault if not before. */
  open(actor?: Actor): Promise<Local>;
  client(name: string, roleIds?: string[], project?: string): Promise<Client>;
  /** What somebody can do who has the file alone: any SQL, with nothing checked. */
  edit<T>(work: (file: Sqlite.Database) => T): T;
  rows<R = Record<string, unknown>>(sql: string, ...params: unknown[]): R[];
  /** Every row of every table, in a form that can be compared. */
  state(): Record<string, string[]>;
  close(): Promise<void>;
}

const { models, operations: described } = readSchemas('schemas');
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { ...formatChecks() } });
const outputs = new Map<string, ValidateFunction | undefined>(
  described.map(({ name, output }) => [name, output && ajv.compile(closed(bare(inline(output, models))))]),
);

function formatChecks(): Record<string, (text: string) => boolean> {
  return Object.fromEntries(
    Object.entries(formats).map(([name, format]) => [name, (text) => format(text) === undefined]),
  );
}

/** An answer is exactly what its schema says, and plain JSON. */
export const expectOutput = (name: Name, output: unknown): void => {
  const check = outputs.get(name);
  if (check === undefined) {
    expect(output, name).toBeUndefined();
    return;
  }
  check(output);
  expect(check.errors ?? [], name).toEqual([]);
  expect(JSON.parse(JSON.stringify(output)), name).toStrictEqual(output);
};

const checked =
  (call: Call): Call =>
  async (name, input, options) => {
    const output = await call(name, input, options);
    expectOutput(name, output);
    return output;
  };

/** What a call was refused with; fails where it was not, or with anything that is no MobiusError. */
export const refusal = async (call: Promise<unknown>): Promise<MobiusError> => {
  const settled = await call.then(
    (output) => ({ output }),
    (error: unknown) => ({ error }),
  );
  if ('output' in settled) throw new Error(`it was not refused: ${JSON.stringify(settled.output)}`);
  if (!(settled.error instanceof MobiusError)) throw settled.error;
  return settled.error;
};

/** A call's answer, or the code that it was refused with. Anything else than a MobiusError fails the test. */
export const outcome = async <T>(call: Promise<T>): Promise<{ output: T; code?: undefined } | { code: string }> => {
  try {
    return { output: await call };
  } catch (error) {
    if (!(error instanceof MobiusError)) throw error;
    return { code: error.code };
  }
};

/** Refused with this code, and not a byte of any row changed. */
export const expectRefused = async (
  vault: TestVault,
  call: () => Promise<unknown>,
  code: string,
): Promise<MobiusError> => {
  const before = vault.state();
  const error = await refusal(call());
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  expect(vault.state()).toEqual(before);
  return error;
};

/** Version 7 in shape; the time is the test's and the rest counts, so ids sort in the order of their making. */
const countingUuids = (clock: { now: number }): (() => Uint8Array) => {
  let count = 0;
  return () => {
    const uuid = new Uint8Array(16);
    const view = new DataView(uuid.buffer);
    view.setUint32(0, Math.floor(clock.now / 2 ** 16));
    view.setUint16(4, clock.now % 2 ** 16);
    view.setUint16(6, 0x7000);
    view.setUint8(8, 0x80);
    view.setUint32(12, ++count);
    return uuid;
  };
};

/** In a file, or in the database that an address leads to; what a test does to the file is for the former alone. */
export const makeVault = async (address?: string): Promise<TestVault> => {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-core-'));
  const path = address ?? join(folder, 'vault.db');
  const clock = { now: Date.parse('2026-06-01T12:00:00Z') };
  const world: World = { now: () => clock.now, newUuid: countingUuids(clock) };
  const place: Place = { path, keys: { defaultKeyFile: (id) => join(folder, `${id}.key`) } };
  await createLocal(world, place);
  const vault = await openVault(world, place);
  const core = coreOver(world, vault);
  const handles: Local[] = [];

  const as = (key: string): Call => checked(core.as({ kind: 'bearer', text: key }));
  const ownerCall = checked(core.as(owner));

  const edit: TestVault['edit'] = (work) => {
    const file = new Sqlite(path);
    try {
      file.pragma('foreign_keys = off');
      return work(file);
    } finally {
      file.close();
    }
  };
  const rows = <R>(sql: string, ...params: unknown[]): R[] => edit((file) => file.prepare(sql).all(...params) as R[]);

  return {
    folder,
    path,
    place,
    world,
    clock,
    vault,
    core,
    owner: ownerCall,
    as,
    async open(actor = owner) {
      const local = await openLocal(world, place, actor);
      handles.push(local);
      return { ...local, call: checked(local.call) };
    },
    async client(name, roleIds, project) {
      const { api_key: created, ...principal } = await ownerCall('principals.create', {
        name,
        ...(roleIds === undefined ? {} : { role_ids: roleIds }),
        ...(project === undefined ? {} : { project }),
        ...(roleIds === undefined ? {} : { with_key: {} }),
      });
      const made =
        created ??
        (await ownerCall('api-keys.create', {
          name,
          principal_id: principal.id,
          allow_unassigned_principal: true,
          ...(project === undefined ? {} : { project }),
        }));
      return { principal, key: made.key, keyId: made.id, call: as(made.key) };
    },
    edit,
    rows,
    state: () =>
      edit((file) => {
        const tables = file.prepare("select name from sqlite_schema where type = 'table' order by name").pluck().all();
        return Object.fromEntries(
          (tables as string[]).map((table) => {
            const all = file.prepare(`select * from ${table}`).all() as object[];
            return [table, all.map((row) => JSON.stringify(row)).sort()];
          }),
        );
      }),
    async close() {
      for (const handle of handles) await handle.close().catch(() => undefined);
      await vault.db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
