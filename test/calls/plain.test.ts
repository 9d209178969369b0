import { describe, expect, test } from 'vitest';
import { openDialect } from '../../src/calls/dialect.ts';
import { openRemote, type Plain, type Remote } from '../../src/calls/remote.ts';
import { run } from '../../src/cli/run.ts';
import { dialectOf } from '../../src/dialects/names.ts';
import { operations } from '../../src/generated/operations.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { httpServer, type Reply, replying, type Seen } from './servers.ts';

/** Requests that a person wrote: what is sent besides, and how often. */

interface World {
  ask: Remote['ask'];
  seen: Seen[];
  slept: number[];
}

const open = async (kind: 'mobius' | 'mutx' | 'mobula', ...replies: Reply[]): Promise<World> => {
  const seen: Seen[] = [];
  const slept: number[] = [];
  const url = await httpServer(replying(seen, ...replies));
  const pace = { now: () => 0, sleep: async (ms: number) => void slept.push(ms), random: () => 0 };
  const server = { url: `${url}/below`, token: 'mbx_fake', env: {} };
  const { ask } =
    kind === 'mobius'
      ? openRemote(server, pace)
      : openDialect({ ...server, dialect: await dialectOf(kind) }, pace, () => new Uint8Array(16));
  return { ask, seen, slept };
};

const asked = (more: Partial<Plain> = {}): Plain => ({ method: 'GET', path: '/x?a=1', headers: {}, ...more });
const busy: Reply = { status: 503, json: { error: { code: 'service_unavailable', message: 'busy' } } };
const done: Reply = { status: 200, json: { ok: true } };

describe('a request of any path', () => {
  test('goes below the address of the server, with the credential, and with headers of its own', async () => {
    const { ask, seen } = await open('mobius', done);
    const answer = await ask(asked({ headers: { ACCEPT: 'text/plain', 'X-Trace': '1' } }));
    expect(answer).toMatchObject({ status: 200, text: '{"ok":true}' });
    expect(answer).not.toHaveProperty('refusal');
    expect(seen).toMatchObject([
      {
        method: 'GET',
        url: '/below/x?a=1',
        headers: { authorization: 'Bearer mbx_fake', accept: 'text/plain', 'x-trace': '1' },
      },
    ]);
  });

  test('is sent again where that does nothing twice', async () => {
    const { ask, seen, slept } = await open('mobius', busy, done);
    expect((await ask(asked())).status).toBe(200);
    expect({ sent: seen.length, slept: slept.length }).toEqual({ sent: 2, slept: 1 });

    const change = await open('mobius', busy, done);
    const operation = operations['roles.create'];
    await change.ask(asked({ method: 'POST', path: '/v1/projects/default/roles', body: '{}', operation }));
    const keys = change.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([expect.stringMatching(/^\S{24}$/), keys[0]]);

    const named = await open('mobius', done);
    await named.ask(asked({ method: 'POST', body: '{}', operation, headers: { 'idempotency-key': 'a-fake-one' } }));
    expect(named.seen[0]?.headers['idempotency-key']).toBe('a-fake-one');
  });

  test('and nowhere else', async () => {
    for (const kind of ['mobius', 'mutx'] as const) {
      const { ask, seen } = await open(kind, busy, done);
      const { status, refusal } = await ask(asked({ method: 'POST', body: '{}' }));
      expect({ status, sent: seen.length, exit: refusal?.kind.exit }).toEqual({ status: 503, sent: 1, exit: 7 });
      expect(seen[0]?.headers).not.toHaveProperty('idempotency-key');
    }
  });

  test('shows the credential as the contract of the server has it', async () => {
    const mutx = await open('mutx', done);
    await mutx.ask(asked());
    expect(mutx.seen[0]?.headers).toMatchObject({ 'user-agent': expect.stringMatching(/^mobius-mutx\//) });
    const mobula = await open('mobula', done);
    await mobula.ask(asked());
    expect(mobula.seen[0]?.headers.authorization).toBe('mbx_fake');
  });

  test.each([
    [400, 2],
    [401, 4],
    [403, 4],
    [404, 5],
    [409, 6],
    [422, 2],
    [429, 7],
    [500, 7],
    [301, 7],
  ])('a refusal of another system with status %i ends with %i', async (status, exit) => {
    const { ask } = await open('mutx', { status, text: 'no JSON', headers: { location: 'https://elsewhere.example' } });
    expect((await ask(asked({ method: 'DELETE' }))).refusal?.kind.exit).toBe(exit);
  });

  test('an answer that sends on is not followed', async () => {
    const { ask, seen } = await open('mobius', { status: 302, headers: { location: 'https://elsewhere.example/' } });
    expect((await ask(asked())).refusal?.message).toContain('sends on to "https://elsewhere.example/"');
    expect(seen).toHaveLength(1);
  });
});

describe('mobius api on a server', () => {
  const api = async (replies: Reply[], ...line: string[]) => {
    const seen: Seen[] = [];
    const url = await httpServer(replying(seen, ...replies));
    const argv = ['api', ...line.map((word) => word.replace('URL', url)), '--api-url', url, '--api-key', 'mbx_fake'];
    const { io, stdout, stderr } = fakeIo({ argv, env: { MOBIUS_CONFIG_DIR: '/nonexistent' } });
    return { code: await run(io), stdout: stdout(), stderr: stderr(), seen };
  };

  test('what is no JSON is shown as it came', async () => {
    const text = '# HELP mobius_up\nmobius_up 1';
    const { stdout, seen } = await api([{ status: 200, text }], '/metrics');
    expect({ stdout, urls: seen.map(({ url }) => url) }).toEqual({ stdout: `${text}\n`, urls: ['/metrics'] });
  });

  test('a whole address is one of that server, or nothing is sent', async () => {
    expect((await api([done], 'URL/healthz')).seen).toMatchObject([{ url: '/healthz' }]);
    for (const elsewhere of [
      'URL.example.com/x',
      'URL@example.com/x',
      'https://example.com/x',
      'http://me:pw@127.0.0.1/',
    ]) {
      const { code, stderr, seen } = await api([done], elsewhere);
      expect({ code, sent: seen.length }).toEqual({ code: 2, sent: 0 });
      expect(stderr).not.toContain('pw@');
    }
  });

  test('two slashes name no other server, and dots do not climb', async () => {
    expect((await api([done], '//example.com/x')).seen).toMatchObject([{ url: '//example.com/x' }]);
    expect((await api([done], '/v1/../../x')).seen).toMatchObject([{ url: '/x' }]);
  });

  test('a server that gives one cursor for ever is asked twice, not for ever', async () => {
    const page: Reply = { status: 200, json: { items: [{ id: '1' }], has_more: true, next_cursor: 'again' } };
    const { stdout, seen } = await api([page], '/v1/users', '--all', '-q');
    expect({ stdout, urls: seen.map(({ url }) => url) }).toEqual({
      stdout: '1\n1\n',
      urls: ['/v1/users', '/v1/users?cursor=again'],
    });
  });

  test('a form is one where the header says so', async () => {
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const { seen } = await api([done], 'POST', '/login', '-d', 'name=a b', '-d', 'n:=3', '-H', type);
    expect(seen).toMatchObject([{ body: 'name=a+b&n=3', headers: { 'content-type': type.slice(14) } }]);
  });

  test('the head of a refusal stands before its body', async () => {
    const reply: Reply = { status: 409, json: { error: { code: 'conflict', message: 'no' } }, headers: { 'X-Y': '1' } };
    const { code, stdout } = await api([reply], 'DELETE', '/v1/users/x', '--include');
    expect(code).toBe(6);
    expect(stdout).toMatch(/^HTTP 409\n(.*\n)*x-y: 1\n(.*\n)*\n\{\n/);
  });
});
