import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import pg from 'pg';

/**
 * A server that reads a body of JSON and answers with some: what no server of Node can be faster than. With the address of
 * a database it looks up what the body names there, with one prepared statement: `tsx bench/bare.ts [address]`.
 */
const [address] = process.argv.slice(2);
const pool = address === undefined ? undefined : new pg.Pool({ connectionString: address, max: 10 });

const isThere = async (key: string): Promise<boolean> => {
  if (pool === undefined) return true;
  const values = [createHash('sha256').update(key).digest()];
  const { rows } = await pool.query({ name: 'one', text: 'select sealed from bare where key_hash = $1', values });
  return rows.length === 1;
};

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', async () => {
    const { key = '' } = JSON.parse(Buffer.concat(parts).toString()) as { key?: string };
    const text = JSON.stringify({ valid: pool === undefined ? key !== '' : await isThere(key) });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  });
});

server.listen(0, '127.0.0.1', () => {
  const bound = server.address();
  process.stdout.write(`${typeof bound === 'object' ? bound?.port : ''}\n`);
});
process.stdin.on('end', () => process.exit()).resume();
