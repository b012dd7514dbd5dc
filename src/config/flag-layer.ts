import type { ConfigProblem } from '../base/errors.ts';
import type { Layer } from './layer.ts';
import { nearest } from './nearest.ts';
import { optionByPath } from './options.ts';
import { textLayer, type TextSetting } from './text-layer.ts';

/** Option path to text. */
export type Flags = Readonly<Record<string, string>>;

const place = 'command line';

/** The layer of the command line, with a problem for each path that is no option. */
export function readFlags(flags: Flags): {
  readonly layer: Layer;
  readonly problems: readonly ConfigProblem[];
} {
  const settings: TextSetting[] = [];
  const problems: ConfigProblem[] = [];
  for (const [path, text] of Object.entries(flags)) {
    const option = optionByPath.get(path);
    if (option === undefined) problems.push(unknownOption(path));
    else settings.push({ option, text, place });
  }
  return { layer: textLayer('flag', settings), problems };
}

function unknownOption(path: string): ConfigProblem {
  const near = nearest(path, optionByPath.keys());
  const advice = near === undefined ? '' : `; did you mean ${near}?`;
  return { source: place, path, message: `is no known option${advice}` };
}
