import { ConfigInvalid, type ConfigProblem } from '../base/errors.ts';
import type { Layer } from './layer.ts';
import { nearest } from './nearest.ts';
import { optionByPath } from './options.ts';
import { textLayer, type TextSetting } from './text-layer.ts';

/** Option path to text. */
export type Flags = Readonly<Record<string, string>>;

const place = 'command line';

/** The layer of the command line. @throws {ConfigInvalid} for paths that are no option. */
export function readFlags(flags: Flags): Layer {
  const settings: TextSetting[] = [];
  const problems: ConfigProblem[] = [];
  for (const [path, text] of Object.entries(flags)) {
    const option = optionByPath.get(path);
    if (option === undefined) problems.push(unknownOption(path));
    else settings.push({ option, text, place });
  }
  if (problems.length > 0) throw new ConfigInvalid(problems);
  return textLayer('flag', settings);
}

function unknownOption(path: string): ConfigProblem {
  const near = nearest(path, optionByPath.keys());
  const advice = near === undefined ? '' : `; did you mean ${near}?`;
  return { source: place, path, message: `is no known option${advice}` };
}
