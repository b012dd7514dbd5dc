import { z } from 'zod';
import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { describeError, MalformedAddress } from '../base/errors.ts';
import { parseNetwork } from '../base/network.ts';

/**
 * Builders of options. Each carries its description, which the JSON Schema, docs/configuration.md
 * and the error messages share; `x-allowed` says in words what a type cannot.
 */

const bytesPerUnit: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

const sizePattern = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB)$/;

/** The number of bytes that `64MiB`, `1.5 GiB` or `512B` stands for; undefined for other text. */
export function parseSize(text: string): number | undefined {
  const match = sizePattern.exec(text);
  const factor = bytesPerUnit[match?.[2] ?? ''];
  return factor === undefined ? undefined : Math.round(Number(match?.[1]) * factor);
}

/** The shortest exact text: 67108864 is `64MiB`, 1000 is `1000B`. */
export function formatSize(bytes: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes % (bytesPerUnit[name] ?? 1) === 0);
  if (unit === undefined || bytes === 0) return `${String(bytes)}B`;
  return `${String(bytes / (bytesPerUnit[unit] ?? 1))}${unit}`;
}

/** Both ends of what is allowed, and what holds when nobody says anything. */
export interface Range<T> {
  readonly min: number;
  readonly max: number;
  readonly fallback: T;
}

export function integer(description: string, range: Range<number>) {
  return z.int().min(range.min).max(range.max).default(range.fallback).meta({ description });
}

/** A part of the whole, from 0 to 1. */
export function share(description: string, fallback: number) {
  return z.number().min(0).max(1).default(fallback).meta({ description });
}

export function flag(description: string, fallback: boolean) {
  return z.boolean().default(fallback).meta({ description });
}

function bytesBetween({ min, max }: { readonly min: number; readonly max: number }) {
  return z
    .union([z.int().min(min).max(max), z.string().regex(sizePattern)])
    .transform((value) => (typeof value === 'number' ? value : (parseSize(value) ?? Number.NaN)))
    .refine((value) => value >= min && value <= max);
}

function allowedBetween({ min, max }: Range<string>): string {
  const ends = `${formatSize(min)} to ${formatSize(max)}`;
  return `a size from ${ends}: a number of bytes, or text such as "64MiB"`;
}

/** A size in bytes: a whole number, or text with a binary unit. The configuration holds the number. */
export function size(description: string, range: Range<string>) {
  return bytesBetween(range)
    .prefault(range.fallback)
    .meta({ description, 'x-allowed': allowedBetween(range) });
}

/** As {@link size}, or one of some words. */
export function sizeOr<Word extends string>(
  words: readonly [Word, ...Word[]],
  description: string,
  range: Range<Word>,
) {
  const quoted = words.map((word) => `"${word}", `).join('');
  return z
    .union([z.enum(words), bytesBetween(range)])
    .prefault(range.fallback)
    .meta({ description, 'x-allowed': `${quoted}or ${allowedBetween(range)}` });
}

/** Text that `parse` turns into its canonical form; what `parse` throws is the reason of refusal. */
export function parsedText(allowed: string, parse: (text: string) => string) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        context.issues.push({ code: 'custom', message: describeError(error), input: text });
        return z.NEVER;
      }
    })
    .meta({ 'x-allowed': allowed });
}

/** An address or a network (RFC 4632), in lower case. */
export function network(allowed: string) {
  return parsedText(allowed, (text) => {
    parseNetwork(text);
    return text.toLowerCase();
  });
}

/** One address. */
export const ipAddress = parsedText('an IP address', (text) => {
  const length = text.includes('%') ? 0 : writeAddress(text, new Uint8Array(addressLengthMax));
  if (length === 0) throw new MalformedAddress(`"${text}" is no IP address`);
  return text;
});
