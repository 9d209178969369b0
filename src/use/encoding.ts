/** What a text in UTF-16 begins with, as PowerShell on Windows writes it. */
const marks: readonly [first: number, second: number, encoding: string][] = [
  [0xff, 0xfe, 'utf-16le'],
  [0xfe, 0xff, 'utf-16be'],
];

/** Turns the pieces of a text that says it is in UTF-16 into UTF-8, one after the other; of any other into nothing. */
export const inUtf16 = (): { decode(piece: Uint8Array): Uint8Array | undefined } => {
  let start: Buffer | undefined = Buffer.alloc(0);
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  return {
    decode(piece) {
      let whole = piece;
      if (start !== undefined) {
        start = Buffer.concat([start, piece]);
        if (start.length < 2) return undefined;
        whole = start;
        const [, , encoding] = marks.find(([first, second]) => whole[0] === first && whole[1] === second) ?? [];
        if (encoding !== undefined) decoder = new TextDecoder(encoding);
        start = undefined;
      }
      return decoder && Buffer.from(decoder.decode(whole, { stream: true }));
    },
  };
};
