import type { Random } from '../../src/base/random.ts';

/** A whole number from 0 to `limit` - 1. */
export function below(random: Random, limit: number): number {
  return Math.floor(random.fraction() * limit);
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T; // in bounds: no caller has an empty list
}

/** Numbers that parsers trip over: counts, lengths, pointers to the question and to the header. */
const oddNumbers = [0, 1, 2, 0x3f, 0x40, 0xff, 0x7fff, 0x8000, 0xffff, 0xc000, 0xc00b, 0xc00c];

type Mutation = (octets: Buffer, random: Random, other: Buffer) => Buffer;

const mutations: readonly Mutation[] = [
  // a bit
  (octets, random) => {
    const at = below(random, octets.length);
    octets[at] = (octets[at] ?? 0) ^ (1 << below(random, 8));
    return octets;
  },
  // an octet
  (octets, random) => {
    octets[below(random, octets.length)] = below(random, 256);
    return octets;
  },
  // a number of two octets: a count, a length, a type, a pointer
  (octets, random) => {
    if (octets.length >= 2) {
      octets.writeUInt16BE(pick(random, oddNumbers), below(random, octets.length - 1));
    }
    return octets;
  },
  // a pointer to anywhere before it
  (octets, random) => {
    const at = below(random, Math.max(1, octets.length - 1));
    if (octets.length >= 2) octets.writeUInt16BE(0xc000 | below(random, at + 2), at);
    return octets;
  },
  // one of the counts, a little off
  (octets, random) => {
    const at = 4 + 2 * below(random, 4);
    if (octets.length > at + 1) octets[at + 1] = ((octets[at + 1] ?? 0) + below(random, 3)) & 0xff;
    return octets;
  },
  // cut off
  (octets, random) => octets.subarray(0, below(random, octets.length + 1)),
  // something behind it
  (octets, random) => Buffer.concat([octets, Buffer.alloc(below(random, 40), below(random, 256))]),
  // a piece of another message in the middle
  (octets, random, other) => {
    const from = below(random, other.length);
    const piece = other.subarray(from, from + below(random, 60));
    const at = below(random, octets.length);
    return Buffer.concat([octets.subarray(0, at), piece, octets.subarray(at)]);
  },
  // a piece twice
  (octets, random) => {
    const at = below(random, octets.length);
    return Buffer.concat([octets, octets.subarray(at, at + below(random, 80))]);
  },
  // a piece missing
  (octets, random) => {
    const at = below(random, octets.length);
    return Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1 + below(random, 12))]);
  },
];

/** A damaged copy: one to four mutations, the first by far the most often alone. */
export function mutate(octets: Buffer, random: Random, other: Buffer = octets): Buffer {
  let damaged: Buffer = Buffer.from(octets);
  do {
    if (damaged.length === 0) return damaged;
    damaged = Buffer.from(pick(random, mutations)(damaged, random, other));
  } while (random.fraction() < 0.3);
  return damaged;
}

/** Octets without any sense. */
export function noise(random: Random, lengthMax: number): Buffer {
  const octets = Buffer.alloc(below(random, lengthMax));
  for (let at = 0; at < octets.length; at++) octets[at] = below(random, 256);
  return octets;
}
