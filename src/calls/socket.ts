import { connect, type Socket } from 'node:net';
import { MobiusError } from '../errors.ts';
import { tooLarge } from './failures.ts';
import type { Answer, Begin, Request } from './http.ts';

/**
 * HTTP/1.1 with what listens at a socket of this machine, one request a connection: that is our own server, whose answers
 * all tell their length. `node:http` would do as well, and is a tenth of our start.
 */

const mostHead = 64 * 1024;

/** As the parser of Node says it. */
const noHttp = (): Error => Object.assign(new Error('no HTTP'), { code: 'HPE_INVALID' });

const closedEarly = (): Error => Object.assign(new Error('closed'), { code: 'ECONNRESET' });

const [tab, space, del, lastOfLatin1] = [0x09, 0x20, 0x7f, 0xff];

/** Nothing that was put into a line may end it. By hand, here and below: a command sends one request and compiles nothing. */
const requireOneLine = (text: string): string => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code >= space && code !== del && code <= lastOfLatin1) || code === tab) continue;
    throw new MobiusError('usage', 'a request can hold no line break and no character beyond Latin-1 in a header');
  }
  return text;
};

const requestText = ({ method, path, headers, body = '' }: Request): Buffer => {
  const lines = Object.entries({ Host: 'localhost', Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const head = [`${method} ${path} HTTP/1.1`, ...lines].map(requireOneLine);
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
};

/** Of no number that is written in another way. */
const isWhole = (text: string): boolean =>
  Number.isSafeInteger(Number(text)) && String(Math.abs(Number(text))) === text;

/** The answer that these bytes are; a number where they aren't all: of how many there must be at least. */
export const answerIn = (bytes: Buffer): Answer | number => {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1 && bytes.length < mostHead) return bytes.length + 1;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [version, status = ''] = first.split(' ', 2);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const { 'content-length': told = status === '204' || status === '304' ? '0' : '' } = headers;
  if (end === -1 || version !== 'HTTP/1.1' || status.length !== 3 || !isWhole(status) || !isWhole(told)) throw noHttp();
  const whole = end + 4 + Number(told);
  if (bytes.length < whole) return whole;
  return { status: Number(status), headers, text: bytes.toString('utf8', end + 4, whole) };
};

/** Made to see whether anybody answers: whoever asks before anything else can have happened needs no other. */
const reached = new Map<string, Socket>();

/** Connects, and rejects with the fault of the system where nobody answers. */
export const reachSocket = (path: string): Promise<void> =>
  new Promise((done, failed) => {
    const socket = connect(path, () => {
      reached.get(path)?.destroy();
      reached.set(path, socket);
      setImmediate(() => {
        if (reached.get(path) !== socket) return;
        reached.delete(path);
        socket.destroy();
      });
      done();
    });
    socket.once('error', failed);
  });

export const askSocket =
  (path: string, request: Request, most: number): Begin =>
  ({ connected, done, failed }) => {
    const text = requestText(request);
    const begin = (): void => {
      connected();
      socket.write(text);
    };
    const open = reached.get(path);
    reached.delete(path);
    const socket = open ?? connect(path, begin);
    let parts: Buffer[] = [];
    let size = 0;
    let least = 0;
    let isAnswered = false;
    const take = (part: Buffer): void => {
      if (isAnswered) return;
      parts.push(part);
      size += part.length;
      if (size < least) return;
      const all = Buffer.concat(parts);
      parts = [all];
      const found = answerIn(all);
      if (typeof found === 'number') {
        if (found > most) throw tooLarge({ url: path }, most);
        least = found;
      } else {
        isAnswered = true;
        done(found);
        // The other side ends it. To do so here would open our stderr, which Node compares it to.
        socket.unref();
      }
    };
    socket.on('data', (part) => {
      try {
        take(part);
      } catch (error) {
        failed(error);
        socket.destroy();
      }
    });
    socket.on('error', failed);
    socket.on('close', () => failed(closedEarly()));
    if (open !== undefined) begin();
    return socket;
  };
