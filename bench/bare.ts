import { createServer } from 'node:http';

/** A server that reads a body of JSON and answers with some: what no server of Node can be faster than. */
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = parts.length === 0 ? {} : (JSON.parse(Buffer.concat(parts).toString()) as { key?: string });
    const text = JSON.stringify({ valid: body.key !== undefined });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
process.on('disconnect', () => process.exit());
