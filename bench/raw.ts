import { connect, type Socket } from 'node:net';

/** One request as it goes over the wire, again and again: a client of node:http would work as long for it as the server. */
export const requestText = (path: string, body: string, headers: Readonly<Record<string, string>> = {}): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');

/** How long an answer is that begins a buffer, and whether it is all there; undefined while its head isn't. */
const answerIn = (text: string): { end: number; body: string; isOk: boolean } | undefined => {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head + 2))?.[1];
  if (length === undefined) throw new Error(`an answer without its length: ${text.slice(0, head)}`);
  const end = head + 4 + Number(length);
  return { end, body: text.slice(head + 4, end), isOk: /^HTTP\/1\.1 2/.test(text) };
};

const opened = (port: number): Promise<Socket> =>
  new Promise((done, failed) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => done(socket)).on('error', failed);
  });

/** One client: sends the request, and again when its answer is there, until the time is over. Gives how many there were. */
const client = async (
  port: number,
  request: string,
  end: number,
  isRight: (body: string) => boolean,
): Promise<number> => {
  const socket = await opened(port);
  let [text, done] = ['', 0];
  return new Promise((finished, failed) => {
    const fail = (error: Error): void => {
      socket.destroy();
      failed(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the server ended the connection')));
    // Every answer here is plain ASCII, so that its characters are its bytes.
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      const answer = answerIn(text);
      if (answer === undefined || text.length < answer.end) return;
      if (!answer.isOk || !isRight(answer.body)) return fail(new Error(`not the right answer: ${text}`));
      text = '';
      done++;
      if (performance.now() < end) socket.write(request);
      else {
        finished(done);
        socket.removeAllListeners('close').destroy();
      }
    });
    socket.write(request);
  });
};

/** How many right answers a second so many clients have from a server, each at its next as soon as it has one. */
export const answersPerSecond = async (
  port: number,
  request: string,
  { clients, seconds, isRight }: { clients: number; seconds: number; isRight(body: string): boolean },
): Promise<number> => {
  const began = performance.now();
  const end = began + seconds * 1000;
  const counts = await Promise.all(Array.from({ length: clients }, () => client(port, request, end, isRight)));
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - began) / 1000);
};
