import { parse } from 'yaml';
import { type Layer, type RawObject, formatPath, optionAt, setValue } from './layer.ts';
import type { Option } from './options.ts';

const words: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', '0'].map((word) => [word, false] as const),
]);

/** Text as a value of the option's kind; what does not fit stays text, and the check names it. */
function valueOf(option: Option, text: string): unknown {
  switch (option.kind) {
    case 'boolean':
      return words.get(text.toLowerCase()) ?? text;
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'size':
      return /^\d+$/.test(text) ? Number(text) : text;
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'structure':
      return parsed(text);
    case 'text':
      return text;
  }
}

function parsed(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return text; // refused as text where a list belongs
  }
}

/** One setting in text, and what a message calls its place. */
export interface TextSetting {
  readonly option: Option;
  readonly text: string;
  readonly place: string;
}

/** A layer of settings that are text; a later one for the same option wins. */
export function textLayer(source: 'environment' | 'flag', settings: readonly TextSetting[]): Layer {
  const raw: RawObject = {};
  const places = new Map<string, string>();
  for (const { option, text, place } of settings) {
    setValue(raw, option.path, valueOf(option, text.trim()));
    places.set(option.path, place);
  }
  const fallback = source === 'environment' ? 'environment' : 'command line';
  return {
    source,
    raw,
    locate: (path) => ({
      source: places.get(optionAt(path)?.path ?? formatPath(path)) ?? fallback,
    }),
  };
}
