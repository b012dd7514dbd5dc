import { byteAt } from './bytes.ts';

/** Words of 32 bits in a key of 128. */
const keyWords = 4;

/** "somepseudorandomlygeneratedbytes" of the specification, each number of 64 bits as low and high half. */
const initialState = [
  0x7073_6575, 0x736f_6d65, 0x6e64_6f6d, 0x646f_7261, 0x6e65_7261, 0x6c79_6765, 0x7974_6573,
  0x7465_6462,
];

/** Where each of the four numbers of the state begins: low half, then high half. */
const v0 = 0;
const v1 = 2;
const v2 = 4;
const v3 = 6;

/** The state, used again for each hash: nothing is allocated. */
const state = new Int32Array(initialState.length);

/** A key of 16 octets as {@link sipHash24} wants it. */
export function sipHashKey(octets: Uint8Array): Int32Array {
  return Int32Array.from({ length: keyWords }, (_, index) => wordAt(octets, index * 4));
}

/**
 * SipHash-2-4 (Aumasson and Bernstein): writes the 8 octets of the hash of `bytes[0, length)` to
 * `out` at `outStart`, the lowest first.
 */
// oxlint-disable-next-line max-params -- hot path: an object for the arguments is garbage per call
export function sipHash24(
  key: Int32Array,
  bytes: Uint8Array,
  length: number,
  out: Uint8Array,
  outStart: number,
): void {
  for (let index = 0; index < state.length; index++) {
    state[index] = (initialState[index] ?? 0) ^ (key[index % keyWords] ?? 0);
  }
  const wholeEnd = length - (length % 8);
  for (let at = 0; at < wholeEnd; at += 8) compress(wordAt(bytes, at), wordAt(bytes, at + 4));
  compress(
    partialWord(bytes, wholeEnd, Math.min(length, wholeEnd + 4)),
    partialWord(bytes, wholeEnd + 4, length) | (length << 24),
  );
  state[v2] = valueAt(v2) ^ 0xff;
  for (let round = 0; round < 4; round++) mixRound();
  putWord(out, outStart, valueAt(v0) ^ valueAt(v1) ^ valueAt(v2) ^ valueAt(v3));
  putWord(out, outStart + 4, valueAt(v0 + 1) ^ valueAt(v1 + 1) ^ valueAt(v2 + 1) ^ valueAt(v3 + 1));
}

function compress(low: number, high: number): void {
  state[v3] = valueAt(v3) ^ low;
  state[v3 + 1] = valueAt(v3 + 1) ^ high;
  mixRound();
  mixRound();
  state[v0] = valueAt(v0) ^ low;
  state[v0 + 1] = valueAt(v0 + 1) ^ high;
}

function mixRound(): void {
  add(v0, v1);
  turn(v1, 13, v0);
  swapHalves(v0);
  add(v2, v3);
  turn(v3, 16, v2);
  add(v0, v3);
  turn(v3, 21, v0);
  add(v2, v1);
  turn(v1, 17, v2);
  swapHalves(v2);
}

function add(to: number, from: number): void {
  const low = (valueAt(to) >>> 0) + (valueAt(from) >>> 0);
  const carry = low > 0xffff_ffff ? 1 : 0;
  state[to] = low;
  state[to + 1] = valueAt(to + 1) + valueAt(from + 1) + carry;
}

/** Turns a number left by so many bits, fewer than 32, and mixes another one in. */
function turn(at: number, bits: number, other: number): void {
  const low = valueAt(at);
  const high = valueAt(at + 1);
  state[at] = ((low << bits) | (high >>> (32 - bits))) ^ valueAt(other);
  state[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ valueAt(other + 1);
}

function swapHalves(at: number): void {
  const low = valueAt(at);
  state[at] = valueAt(at + 1);
  state[at + 1] = low;
}

function valueAt(index: number): number {
  return state[index] ?? 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return partialWord(bytes, at, at + 4);
}

/** The octets from `at` to `end`, at most four, the lowest first. */
function partialWord(bytes: Uint8Array, at: number, end: number): number {
  let word = 0;
  for (let index = at; index < end; index++) word |= byteAt(bytes, index) << ((index - at) * 8);
  return word;
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  for (let index = 0; index < 4; index++) bytes[at + index] = word >>> (index * 8);
}
