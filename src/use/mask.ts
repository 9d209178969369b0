/** Replaces values in a stream of bytes, whatever pieces it comes in. */
export interface Mask {
  /** Gives back all that is settled; what may still turn out to be a value waits for the next piece. */
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const instead = Buffer.from('***');
/** A shorter value would blacken half of what a program says, and hide nothing. */
const shortest = 4;

/** What is looked for: each value, and each line of it, since programs print and indent long texts line by line. */
export const patternsOf = (values: readonly string[]): Buffer[] => {
  const texts = new Set(values.flatMap((value) => [value, ...value.split(/[\r\n]+/).map((line) => line.trim())]));
  return [...texts].map((text) => Buffer.from(text)).filter(({ length }) => length >= shortest);
};

/** All patterns as one tree of prefixes, in which node 0 is the empty one (Aho and Corasick, 1975). */
interface Tree {
  /** The node that the byte leads to from this one, or -1. */
  child(node: number, byte: number): number;
  /** For each node the length of its prefix, ... */
  depth: Int32Array;
  /** ... the longest other prefix that it ends with, ... */
  fallback: Int32Array;
  /** ... and the length of the longest pattern that it ends with, or 0. */
  found: Int32Array;
  /** From the root, where most bytes lead nowhere: 0. */
  first: Int32Array;
  prefix(node: number): Uint8Array;
}

const plant = (patterns: readonly Uint8Array[]): Tree => {
  const size = patterns.reduce((sum, { length }) => sum + length, 1);
  const depth = new Int32Array(size);
  const fallback = new Int32Array(size);
  const found = new Int32Array(size);
  const first = new Int32Array(256);
  // Nodes are numbered as they are made, so that nearly every one has its only child right behind it, with this byte.
  const bytes = new Uint8Array(size);
  const goesOn = new Uint8Array(size);
  const branches = new Map<number, Map<number, number>>();
  const starts: number[] = [];

  const child = (node: number, byte: number): number => {
    if (node === 0) return first[byte] || -1;
    if (goesOn[node] === 1 && bytes[node + 1] === byte) return node + 1;
    return branches.get(node)?.get(byte) ?? -1;
  };
  let count = 1;
  const grow = (node: number, byte: number): number => {
    const made = count++;
    bytes[made] = byte;
    depth[made] = (depth[node] as number) + 1;
    if (node === 0) first[byte] = made;
    else if (made === node + 1) goesOn[node] = 1;
    else {
      const others = branches.get(node) ?? new Map<number, number>();
      branches.set(node, others.set(byte, made));
    }
    return made;
  };
  for (const pattern of patterns) {
    starts.push(count);
    let node = 0;
    for (const byte of pattern) {
      const next = child(node, byte);
      node = next === -1 ? grow(node, byte) : next;
    }
    found[node] = pattern.length;
  }

  const queue = new Int32Array(count);
  let queued = 0;
  const reach = (node: number, byte: number, parent: number): void => {
    queue[queued++] = node;
    if (parent === 0) return;
    let other = fallback[parent] as number;
    let next = child(other, byte);
    while (next === -1 && other !== 0) {
      other = fallback[other] as number;
      next = child(other, byte);
    }
    fallback[node] = Math.max(next, 0);
    found[node] ||= found[Math.max(next, 0)] as number;
  };
  for (let byte = 0; byte < 256; byte++) if (first[byte] !== 0) reach(first[byte] as number, byte, 0);
  for (let at = 0; at < queued; at++) {
    const node = queue[at] as number;
    if (goesOn[node] === 1) reach(node + 1, bytes[node + 1] as number, node);
    for (const [byte, next] of branches.get(node) ?? []) reach(next, byte, node);
  }

  /** A node was made for the last pattern that starts no later. */
  const prefix = (node: number): Uint8Array => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= node) low = middle;
      else high = middle;
    }
    return (patterns[low] ?? new Uint8Array()).subarray(0, depth[node]);
  };
  return { child, depth, fallback, found, first, prefix };
};

/**
 * Every occurrence of a value becomes `***`; occurrences that overlap become one. Takes time in proportion to what
 * passes, and keeps no more than the longest value: what is held back is itself the beginning of one.
 */
export const makeMask = (values: readonly string[]): Mask => {
  const { child, depth, fallback, found, first, prefix } = plant(patternsOf(values));
  let node = 0;
  /** How far the stream was read, and how far it was passed on or left out, in bytes from its beginning. */
  let read = 0;
  let settled = 0;
  /** Occurrences that nothing was given back for yet, from left to right, none touching another's inside. */
  let hidden: { from: number; to: number }[] = [];

  const hide = (from: number, to: number): void => {
    let start = from;
    for (let last = hidden.at(-1); last !== undefined && last.to > from; last = hidden.at(-1)) {
      start = Math.min(start, last.from);
      hidden.pop();
    }
    // It runs into one that was given back already: one more byte of the same.
    if (start < settled) settled = to;
    else hidden.push({ from: start, to });
  };

  /** Gives back what lies before `limit`; the stream from `start` on is `held`, then `chunk`. */
  const settle = (limit: number, start: number, held: Uint8Array, chunk: Uint8Array): Uint8Array => {
    const parts: Uint8Array[] = [];
    const middle = start + held.length;
    const copy = (from: number, to: number): void => {
      if (from < Math.min(to, middle)) parts.push(held.subarray(from - start, Math.min(to, middle) - start));
      if (Math.max(from, middle) < to) parts.push(chunk.subarray(Math.max(from, middle) - middle, to - middle));
    };
    let taken = 0;
    for (const { from, to } of hidden) {
      // No later occurrence begins before the limit, so one that begins there keeps its beginning.
      if (from > limit) break;
      copy(settled, from);
      parts.push(instead);
      settled = to;
      taken++;
    }
    hidden = hidden.slice(taken);
    if (settled < limit) {
      copy(settled, limit);
      settled = limit;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  };

  return {
    push(chunk) {
      const held = prefix(node);
      const start = read - held.length;
      const { length } = chunk;
      for (let at = 0; at < length; at++) {
        if (node === 0) {
          while (at < length && first[chunk[at] as number] === 0) at++;
          if (at === length) break;
        }
        const byte = chunk[at] as number;
        let next = child(node, byte);
        while (next === -1 && node !== 0) {
          node = fallback[node] as number;
          next = child(node, byte);
        }
        node = Math.max(next, 0);
        const matched = found[node] as number;
        if (matched !== 0) hide(read + at + 1 - matched, read + at + 1);
      }
      read += length;
      return settle(read - (depth[node] as number), start, held, chunk);
    },
    end() {
      const held = prefix(node);
      node = 0;
      return settle(read, read - held.length, held, new Uint8Array());
    },
  };
};
