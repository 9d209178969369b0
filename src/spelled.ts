/** An answer as JSON, and how many bytes that is. */
export interface Spelled {
  readonly text: string;
  readonly length: number;
}

const spelling = Symbol('spelling');

/** An answer that is given again and again: nobody changes it any more, and it is spelled once. */
export const repeated = <T extends object>(answer: T): T => {
  for (const part of Object.values(answer)) Object.freeze(part);
  return Object.freeze(Object.defineProperty(answer, spelling, { value: {} }));
};

const spell = (answer: object): Spelled => {
  const text = JSON.stringify(answer);
  return { text, length: Buffer.byteLength(text) };
};

export const spelled = (answer: object): Spelled => {
  const kept = (answer as { [spelling]?: { known?: Spelled } })[spelling];
  if (kept === undefined) return spell(answer);
  kept.known ??= spell(answer);
  return kept.known;
};
