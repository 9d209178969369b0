import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Spelled } from '../spelled.ts';
import type { Send, Way } from './door.ts';
import { longestHead, type PlainHead, readHead } from './head.ts';

/** A plain request that has arrived as a whole. */
export interface Arrived {
  way: Way;
  body: Uint8Array | undefined;
  send: Send;
}

/** What answers plain requests. */
export interface Plainly {
  /** Undefined where the request is not one of those that `answer` takes. */
  find(head: PlainHead, socket: Socket): Way | undefined;
  /** Answers soon, by `send`. What it gives is called once, with the status, or with that for a caller that went away. */
  answer(arrived: Arrived): (status: number) => void;
  /** Whether each connection is to be closed after its answer. */
  isDraining(): boolean;
  now(): number;
}

/** How long whoever connected may say nothing. */
export interface Patience {
  firstMs: number;
  laterMs: number;
}

/** How long the rest of a body may take; whoever is slower than that is Node's to wait for. */
const restMs = 1000;
/** As proxies have it. */
export const wentAway = 499;

let second = Number.NaN;
let date = '';
/** As headers have it: of many answers in one second it is the same. */
const dateAt = (now: number): string => {
  const current = Math.floor(now / 1000);
  if (current !== second) {
    second = current;
    date = new Date(now).toUTCString();
  }
  return date;
};

/** What was read of a head, and from which bytes: whoever keeps a connection says the same again and again. */
interface Known {
  bytes: Buffer;
  /** That of the body behind it. */
  length: number;
  way: Way;
  /** The headers of each answer. */
  headers: string;
}

const beginsWith = (bytes: Buffer, begin: Buffer): boolean =>
  bytes.length >= begin.length && begin.compare(bytes, 0, begin.length) === 0;

const headerLines = (headers: readonly string[]): string => {
  let all = '';
  for (let at = 0; at < headers.length; at += 2) all += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return all;
};

const nothing: Spelled = { text: '', length: 0 };

/** A request whose head is known, and what has arrived of it. */
interface Arriving {
  known: Known;
  parts: Buffer[];
  missing: number;
  since: number;
}

/**
 * Reads plain requests from a connection and writes their answers, which takes Node's server longer than us the answer.
 * As soon as anything else comes the connection is Node's, with all that has arrived and wasn't answered. What is sent
 * before an answer is out is no plain request either: there is one at a time.
 */
export const readPlainly = (
  socket: Socket,
  { find, answer, isDraining, now }: Plainly,
  patience: Patience,
  leave: () => void,
): { isBusy(): boolean } => {
  let known: Known | undefined;
  let arriving: Arriving | undefined;
  let answering: { ended(status: number): void } | undefined;
  /** What came while something was answered. */
  let early: Buffer | undefined;
  let hasEnded = false;
  let patienceMs = 0;

  /** Each part that comes or goes begins the time anew. */
  const waitFor = (ms: number): void => {
    if (ms !== patienceMs) socket.setTimeout(ms);
    patienceMs = ms;
  };

  /** The head that the bytes begin with. */
  const headOf = (bytes: Buffer): Known | undefined => {
    if (known !== undefined && beginsWith(bytes, known.bytes)) return known;
    const begin = bytes.toString('latin1', 0, longestHead);
    const length = begin.indexOf('\r\n\r\n') + 4;
    const text = begin.slice(0, length);
    const head = length < 4 ? undefined : readHead(text);
    const way = head && find(head, socket);
    const own = Buffer.from(text, 'latin1');
    known = head && way && { bytes: own, length: head.length, way, headers: headerLines(way.headers) };
    return known;
  };

  const stop = (bytes: Buffer): void => {
    for (const [event, heard] of heardOf) socket.off(event, heard);
    waitFor(0);
    leave();
    socket.unshift(bytes);
    socket.resume();
  };

  const write = (status: number, headers: string, answer: Spelled, isLast: boolean): void => {
    const keeping = isLast ? 'close' : `keep-alive\r\nKeep-Alive: timeout=${patience.laterMs / 1000}`;
    const head =
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}` +
      `Date: ${dateAt(now())}\r\nConnection: ${keeping}\r\n\r\n`;
    // The head of a plain request, of which ours may say something again, is of ASCII alone.
    socket.write(head + answer.text, answer.length === answer.text.length ? 'latin1' : 'utf8');
  };

  const begin = ({ way, headers: always }: Known, body: Uint8Array | undefined): void => {
    const send: Send = (status, headers, answer = nothing) => {
      const asked = answering;
      if (asked === undefined) return;
      answering = undefined;
      const isLast = hasEnded || isDraining();
      write(status, headerLines(headers) + always, answer, isLast);
      asked.ended(status);
      if (isLast) socket.end();
      else if (early === undefined) waitFor(patience.laterMs);
      else stop(early);
    };
    answering = { ended: answer({ way, body, send }) };
  };

  const proceed = (request: Arriving): void => {
    const { known: found, parts, missing, since } = request;
    if (missing > 0 && now() - since <= restMs) {
      arriving = request;
      waitFor(restMs);
      return;
    }
    arriving = undefined;
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (missing !== 0) stop(bytes);
    else begin(found, found.length === 0 ? undefined : bytes.subarray(found.bytes.length));
  };

  const take = (part: Buffer): void => {
    if (answering !== undefined) {
      early = early === undefined ? part : Buffer.concat([early, part]);
      socket.pause();
    } else if (arriving !== undefined) {
      arriving.parts.push(part);
      proceed({ ...arriving, missing: arriving.missing - part.length });
    } else {
      // Whoever reads no answers is given no more of them.
      const found = isDraining() || socket.writableLength > 0 ? undefined : headOf(part);
      if (found === undefined) stop(part);
      else
        proceed({
          known: found,
          parts: [part],
          missing: found.bytes.length + found.length - part.length,
          since: now(),
        });
    }
  };

  const heardOf: readonly [event: string, heard: (part: Buffer) => void][] = [
    ['data', take],
    [
      'end',
      () => {
        hasEnded = true;
        if (answering === undefined) socket.end();
      },
    ],
    [
      'timeout',
      () => {
        if (arriving !== undefined) stop(Buffer.concat(arriving.parts));
        else if (answering === undefined) socket.destroy();
      },
    ],
    ['error', () => void socket.destroy()],
    [
      'close',
      () => {
        answering?.ended(wentAway);
        answering = undefined;
      },
    ],
  ];
  for (const [event, heard] of heardOf) socket.on(event, heard);
  waitFor(patience.firstMs);
  // An answer that its caller reads slowly is not out yet.
  return { isBusy: () => answering !== undefined || arriving !== undefined || socket.writableLength > 0 };
};
