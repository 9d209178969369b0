/** What a text in UTF-16 begins with, as PowerShell on Windows writes it. */
const marks: readonly [first: number, second: number, encoding: string][] = [
  [0xff, 0xfe, 'utf-16le'],
  [0xfe, 0xff, 'utf-16be'],
];

async function* decoded(encoding: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding);
  for await (const piece of pieces) yield Buffer.from(decoder.decode(piece, { stream: true }));
  yield Buffer.from(decoder.decode());
}

/** The same pieces, but of a text that says it is in UTF-16, in UTF-8. */
export async function* inUtf8(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = pieces[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (start.length < 2) {
    const { done, value } = await source.next();
    if (done === true) break;
    start = Buffer.concat([start, value]);
  }
  const whole = (async function* (): AsyncGenerator<Uint8Array> {
    yield start;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  })();
  const [, , encoding] = marks.find(([first, second]) => start[0] === first && start[1] === second) ?? [];
  yield* encoding === undefined ? whole : decoded(encoding, whole);
}
