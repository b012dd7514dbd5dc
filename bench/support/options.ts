import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Undefined: the default of the measurement. */
  readonly names: number | undefined;
  readonly cacheMegabytes: number;
  /** Names of servers; empty: all that are there. */
  readonly only: readonly string[];
}

/** @throws for a flag that is not known, or a value that is not a positive whole number */
export function parseOptions(parameters: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      names: { type: 'string' },
      'cache-megabytes': { type: 'string', default: '64' },
      only: { type: 'string', default: '' },
    },
  });
  return {
    rounds: positive('--rounds', values.rounds),
    seconds: positive('--seconds', values.seconds),
    names: values.names === undefined ? undefined : positive('--names', values.names),
    cacheMegabytes: positive('--cache-megabytes', values['cache-megabytes']),
    only: values.only.split(',').filter((name) => name !== ''),
  };
}

function positive(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`${flag} takes a whole number from 1`);
  return Number(text);
}
