import { ConfigInvalid, HeimdallError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { parseName } from '../dns/name.ts';
import { parseType } from '../dns/rdata-text.ts';
import type { ScreenOptions } from '../filter/screen-stage.ts';

/**
 * What is kept from everybody. A suffix with upstreams of its own is no name of the public.
 * @throws {ConfigInvalid} when a type is none
 */
export function screenOptions({ filter, routes }: Config): ScreenOptions {
  const { types, typesAnswer, rebinding, ttlSeconds } = filter;
  const suffixes = [...rebinding.exceptions, ...routes.map(({ suffix }) => suffix)];
  return {
    types: new Set(types.map(typeOf)),
    typesAnswer,
    refusesPrivate: rebinding.enabled,
    privateSuffixes: suffixes.map(parseName),
    ttlSeconds,
  };
}

function typeOf(text: string, index: number): number {
  try {
    return parseType(text);
  } catch (error) {
    if (!(error instanceof HeimdallError)) throw error;
    const path = `filter.types[${String(index)}]`;
    throw new ConfigInvalid([{ source: 'configuration', path, message: error.message }]);
  }
}
