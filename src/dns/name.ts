import { byteAt, lowerCase, uint16At } from '../base/bytes.ts';
import { MalformedName } from '../base/errors.ts';

/** A name on the wire has at most 255 octets, its length octets and the root included (RFC 1035 2.3.4). */
export const nameLengthMax = 255;
/** A label has at most 63 octets (RFC 1035 2.3.4). */
export const labelLengthMax = 63;

/**
 * A compressor puts at least one label in front of each pointer, and a name has at most 127: more
 * pointers are made to keep the reader busy.
 */
const pointersMax = 127;

const pointerMask = 0xc0;
const dot = 0x2e;
const backslash = 0x5c;

/**
 * Where the name at `offset` ends in the message, a compression pointer being its end.
 * -1 when it leaves `end` or has a label of a reserved kind.
 */
export function nameEnd(message: Uint8Array, offset: number, end: number): number {
  let at = offset;
  while (at < end) {
    const length = byteAt(message, at);
    if (length === 0) return at + 1;
    if ((length & pointerMask) === pointerMask) return at + 2 <= end ? at + 2 : -1;
    if ((length & pointerMask) !== 0) return -1;
    at += length + 1;
  }
  return -1;
}

/**
 * Copies the name at `offset` without compression into `out`. Pointers must lead strictly
 * backwards (RFC 1035 4.1.4), hence no loop, and there are at most 127 of them.
 * @returns its length in octets, or -1 when it is malformed or longer than 255 octets
 */
export function expandName(
  message: Uint8Array,
  offset: number,
  end: number,
  out: Uint8Array,
): number {
  let at = offset;
  let lowest = offset;
  let written = 0;
  let pointers = 0;
  while (at < end) {
    const length = byteAt(message, at);
    if ((length & pointerMask) === pointerMask) {
      if (at + 2 > end || ++pointers > pointersMax) return -1;
      const target = uint16At(message, at) & 0x3fff;
      if (target >= lowest || target < 12) return -1;
      lowest = target;
      at = target;
      continue;
    }
    if (length > labelLengthMax || at + 1 + length > end) return -1;
    if (written + length + 1 > nameLengthMax) return -1;
    for (let i = 0; i <= length; i++) out[written + i] = byteAt(message, at + i);
    written += length + 1;
    if (length === 0) return written;
    at += length + 1;
  }
  return -1;
}

/** The name with A to Z folded (RFC 4343). Length octets are below 64 and never fold. */
export function lowerName(name: Uint8Array): Buffer {
  const lowered = Buffer.allocUnsafe(name.length);
  for (let i = 0; i < name.length; i++) lowered[i] = lowerCase(byteAt(name, i));
  return lowered;
}

/** Whether two wire names are the same, whatever their case. */
export function sameName(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) {
    if (lowerCase(byteAt(one, i)) !== lowerCase(byteAt(other, i))) return false;
  }
  return true;
}

/** Whether `name` is `ancestor` or lies below it; wire names in any case. */
export function isAtOrBelow(name: Uint8Array, ancestor: Uint8Array): boolean {
  let at = 0;
  while (name.length - at > ancestor.length) at += byteAt(name, at) + 1;
  return name.length - at === ancestor.length && sameName(name.subarray(at), ancestor);
}

/** The name without its first label; the root stays the root. */
export function parentName(name: Buffer): Buffer {
  return name.length <= 1 ? name : name.subarray(byteAt(name, 0) + 1);
}

/** How many labels the name has; the root has none. */
export function labelCount(name: Uint8Array): number {
  let count = 0;
  for (let at = 0; byteAt(name, at) !== 0; at += byteAt(name, at) + 1) count++;
  return count;
}

/** The first label as bytes, empty for the root. */
export function firstLabel(name: Buffer): Buffer {
  return name.subarray(1, byteAt(name, 0) + 1);
}

function formatOctet(octet: number): string {
  if (octet === dot || octet === backslash) return `\\${String.fromCharCode(octet)}`;
  if (octet > 0x20 && octet < 0x7f) return String.fromCharCode(octet);
  return `\\${String(octet).padStart(3, '0')}`;
}

/** A wire name as text with a final dot, special octets escaped (RFC 1035 5.1); `.` for the root. */
export function formatName(name: Uint8Array): string {
  if (byteAt(name, 0) === 0) return '.';
  let text = '';
  for (let at = 0; at < name.length && byteAt(name, at) !== 0;) {
    const labelEnd = at + 1 + byteAt(name, at);
    for (let i = at + 1; i < labelEnd; i++) text += formatOctet(byteAt(name, i));
    text += '.';
    at = labelEnd;
  }
  return text;
}

/** Reads one octet of text at `at`, with `\X` and `\DDD` escapes: the octet and the next position. */
function textOctet(text: Buffer, at: number): readonly [octet: number, next: number] {
  if (byteAt(text, at) !== backslash) return [byteAt(text, at), at + 1];
  const escape = text.toString('latin1', at + 1, at + 4);
  if (/^\d{3}$/.test(escape) && Number(escape) <= 0xff) return [Number(escape), at + 4];
  if (escape === '' || /^\d/.test(escape)) throw new MalformedName('a name ends in a bad escape');
  return [byteAt(text, at + 1), at + 2];
}

function splitLabels(text: Buffer): number[][] {
  const labels: number[][] = [[]];
  for (let at = 0; at < text.length;) {
    if (byteAt(text, at) === dot) {
      labels.push([]);
      at++;
      continue;
    }
    const [octet, next] = textOctet(text, at);
    labels.at(-1)?.push(octet);
    at = next;
  }
  if (labels.at(-1)?.length === 0) labels.pop();
  return labels;
}

/**
 * A name in text, with or without its final dot, as wire octets in the case given.
 * @throws {MalformedName} on an empty or too long label, a bad escape or more than 255 octets
 */
export function parseName(text: string): Buffer {
  if (text === '.') return Buffer.from([0]);
  const labels = splitLabels(Buffer.from(text, 'utf8'));
  if (labels.length === 0) throw new MalformedName('a name is empty');
  for (const label of labels) {
    if (label.length === 0) throw new MalformedName(`"${text}" has an empty label`);
    if (label.length > labelLengthMax) {
      throw new MalformedName(`"${text}" has a label of more than 63 octets`);
    }
  }
  const name = Buffer.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
  if (name.length > nameLengthMax) throw new MalformedName(`"${text}" has more than 255 octets`);
  return name;
}
