import { Agent, request } from 'node:http';
import { startServing } from './serving.ts';

/**
 * Verifies one key again and again over connections that are kept, against a server in a process of its own, and tells
 * how its memory grows: `tsx bench/soak.ts [requests]`.
 */
const total = Number(process.argv[2] ?? 1_000_000);
const connections = 16;
const warmUp = Math.min(100_000, Math.floor(total / 5));
const samples = 20;

const serving = await startServing();
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const body = JSON.stringify({ key: serving.key });
const headers = {
  Authorization: `Bearer ${serving.key}`,
  'Content-Type': 'application/json',
  'Content-Length': Buffer.byteLength(body),
};

const verify = (): Promise<void> =>
  new Promise((done, failed) => {
    const { port } = serving;
    const path = '/v1/projects/default/api-keys/verify';
    request({ port, host: '127.0.0.1', method: 'POST', path, agent, headers }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? done() : failed(new Error(`${response.statusCode}`))));
    })
      .on('error', failed)
      .end(body);
  });

const several = async (count: number): Promise<void> => {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await verify();
  };
  await Promise.all(Array.from({ length: connections }, worker));
};

/** The slope of the straight line that is nearest to the points. */
const slopeOf = (points: readonly { x: number; y: number }[]): number => {
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const across = mean((point) => (point.x - x) * (point.y - y));
  return across / mean((point) => (point.x - x) ** 2);
};

const began = Date.now();
await several(warmUp);
const points: { x: number; y: number }[] = [{ x: 0, y: await serving.resident() }];
const step = Math.ceil((total - warmUp) / samples);
for (let done = step; done <= total - warmUp; done += step) {
  await several(step);
  points.push({ x: done, y: await serving.resident() });
}
const seconds = (Date.now() - began) / 1000;
agent.destroy();
const code = await serving.stop();

const kilobytes = (bytes: number): number => Math.round(bytes / 1024);
const sent = warmUp + (points.at(-1)?.x ?? 0);
process.stdout.write(
  `${JSON.stringify({
    requests: sent,
    per_second: Math.round(sent / seconds),
    resident_kb: { after_warm_up: kilobytes(points[0]?.y ?? 0), at_end: kilobytes(points.at(-1)?.y ?? 0) },
    kb_per_100k_requests: kilobytes(slopeOf(points) * 100_000),
    exit_code: code,
  })}\n`,
);
