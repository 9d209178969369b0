import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { formats } from '../../src/formats.ts';

/** Stands between a command and its server, and holds every answer against what the server says of itself. */

interface Documented {
  responses: Record<string, { content?: object }>;
}

const document = JSON.parse(readFileSync('schemas/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Documented>>;
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
for (const [name, problem] of Object.entries(formats)) {
  ajv.addFormat(name, (text: string) => problem(text) === undefined);
}
ajv.addSchema(document, 'openapi');

const pointer = (...parts: string[]): string =>
  parts.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/** The path that says most of itself, where two would take it: `/api-keys/verify` is no key called so. */
const templateOf = (path: string): string | undefined =>
  Object.keys(document.paths)
    .filter((template) => new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path))
    .sort((one, other) => one.split('{').length - other.split('{').length)[0];

const problemOfBody = (schema: string, body: string): string | undefined => {
  const validate = ajv.getSchema(schema) ?? ajv.compile({ $ref: schema });
  try {
    return validate(JSON.parse(body)) ? undefined : ajv.errorsText(validate.errors);
  } catch (error) {
    return (error as Error).message;
  }
};

export interface Heard {
  method: string;
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What an answer does that nobody said it would. */
export const problemOf = ({ method, url, status, headers, body }: Heard): string | undefined => {
  const [path = ''] = url.split('?');
  const template = templateOf(path);
  if (template === undefined) return 'no such path is documented';
  if (headers['x-request-id'] === undefined) return 'it has no X-Request-Id';
  const { responses } = document.paths[template]?.[method.toLowerCase()] ?? {};
  if (responses === undefined) return 'no such method is documented';
  const documented = responses[status];
  if (documented === undefined && status < 400) return 'its status is not documented';
  if (documented !== undefined && documented.content === undefined) return body === '' ? undefined : 'it has a body';
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return 'it is no JSON';
  const isFlat = documented === undefined && /^\/v1\/auth\/device\/(code|token)$/.test(path);
  if (isFlat) return undefined;
  const place =
    documented === undefined
      ? ['components', 'responses', 'Error', 'content', 'application/json', 'schema']
      : ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', 'application/json', 'schema'];
  return problemOfBody(`openapi#${pointer(...place)}`, body);
};

const read = async (message: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

const passOn = async (asked: IncomingMessage, answer: ServerResponse, to: string, hear: (heard: Heard) => void) => {
  const { method = '', url = '' } = asked;
  const body = await read(asked);
  const back = await new Promise<IncomingMessage>((done, failed) => {
    const { connection: _, ...headers } = asked.headers;
    request(new URL(url, to), { method, headers, agent: false }, done).on('error', failed).end(body);
  });
  const bytes = await read(back);
  const { statusCode: status = 0, headers } = back;
  hear({ method, url, status, headers, body: bytes.toString('utf8') });
  const { 'transfer-encoding': _, connection: __, ...rest } = headers;
  answer.writeHead(status, rest).end(bytes);
};

export interface Checked {
  url: string;
  /** Lets go of the port, and fails where an answer was not as documented, or none came at all. */
  close(): Promise<void>;
}

export const checkedAgainstContract = async (to: string): Promise<Checked> => {
  const problems: string[] = [];
  let answers = 0;
  const server = createServer((asked, answer) => {
    const hear = (heard: Heard): void => {
      answers++;
      const problem = problemOf(heard);
      if (problem !== undefined)
        problems.push(`${heard.method} ${heard.url} -> ${heard.status}: ${problem}\n${heard.body}`);
    };
    passOn(asked, answer, to, hear).catch(() => answer.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      if (answers === 0) throw new Error('no command asked the server for anything: say `only local`, and why');
      if (problems.length > 0) throw new Error(`not as schemas/openapi.json has it:\n${problems.join('\n')}`);
    },
  };
};
