import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineWithVault, serve } from './served.ts';
import { ask } from './world.ts';

test.each(['SIGTERM', 'SIGINT'] as const)('the built program serves until %s', async (signal) => {
  const machine = await machineWithVault();
  const { key } = await machine.json<{ key: string }>('principals', 'create', 'ci', '--role', 'Viewer', '--with-key');
  const served = await serve(machine, '--listen', '127.0.0.1:0');
  expect(await ask(served, 'GET', '/v1/auth/whoami', { key })).toMatchObject({ status: 200, body: { name: 'ci' } });
  const document = await ask(served, 'GET', '/openapi.json');
  expect(document.text).toBe(readFileSync('schemas/openapi.json', 'utf8'));
  served.kill(signal);
  const { code, stdout, stderr } = await served.ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(
    stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).message),
  ).toEqual(['listening', 'answered', 'answered', 'stopped']);
  expect(stderr).not.toContain(key);
  const after = await machine.json<{ last_used_at?: string }>('api-keys', 'get', 'ci');
  expect(after.last_used_at).toBeDefined();
});

test('a second signal does not wait', async () => {
  const machine = await machineWithVault();
  const served = await serve(machine, '--listen', '127.0.0.1:0');
  const socket = connect(served.port, '127.0.0.1').on('error', () => undefined);
  socket.write('POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{');
  await ask(served, 'GET', '/healthz');
  served.kill('SIGTERM');
  await new Promise((done) => setTimeout(done, 300));
  const began = Date.now();
  served.kill('SIGTERM');
  expect(await served.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect(Date.now() - began).toBeLessThan(2000);
  socket.destroy();
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

test.skipIf(!hasOpenssl)('with a certificate it speaks TLS, and says that it is to be spoken', async () => {
  const machine = await machineWithVault();
  const [cert, key] = [join(machine.work, 'cert.pem'), join(machine.work, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  spawnSync('openssl', [...made, '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
  const served = await serve(machine, '--listen', '0.0.0.0:0', '--tls-cert', cert, '--tls-key', key);
  expect(served.url).toMatch(/^https:/);
  const asked = httpsRequest({
    port: served.port,
    host: '127.0.0.1',
    path: '/healthz',
    rejectUnauthorized: false,
  }).end();
  const [response] = await once(asked, 'response');
  expect(response.statusCode).toBe(200);
  expect(response.headers['strict-transport-security']).toMatch(/max-age=\d+/);
  response.resume();
  await once(response, 'end');
  served.kill('SIGTERM');
  expect(await served.ended).toMatchObject({ code: 0 });
});
