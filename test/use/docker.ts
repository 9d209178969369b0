import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended } from '../process/machine.ts';

/**
 * What the real docker client asks its daemon to set for a container with this --env-file: the daemon here only listens
 * and writes down.
 */
export const throughDocker = async (text: string): Promise<Record<string, string>> => {
  const folder = mkdtempSync(join(tmpdir(), 'docker-'));
  const socket = join(folder, 'sock');
  const file = join(folder, 'env');
  let asked: string[] | undefined;
  const daemon = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const creates = /\/containers\/create/.test(request.url ?? '');
      if (creates) asked = (JSON.parse(body) as { Env: string[] }).Env;
      response.writeHead(creates ? 201 : 200, { 'api-version': '1.41', 'content-type': 'application/json' });
      response.end(creates ? '{"Id":"c0ffee","Warnings":[]}' : 'OK');
    });
  });
  try {
    await new Promise<void>((done) => daemon.listen(socket, done));
    writeFileSync(file, text);
    const client = spawn('docker', ['create', '--env-file', file, 'image'], {
      env: { PATH: process.env.PATH, HOME: folder, DOCKER_HOST: `unix://${socket}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { code, stderr } = await ended(client);
    if (code !== 0 || asked === undefined) throw new Error(`docker create ended with ${code}: ${stderr}`);
    return Object.fromEntries(
      asked.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
  } finally {
    daemon.closeAllConnections();
    daemon.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
