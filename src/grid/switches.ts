/**
 * How a capability works: `off`; `observe`: it does its work with the grid and counts what would
 * have come of it, but nothing is answered or decided by it; `on`.
 */
export type SwitchMode = 'off' | 'observe' | 'on';

/** The capabilities of the grid, each with a switch of its own. */
export interface Switches {
  readonly sharedCache: SwitchMode;
  readonly deduplication: SwitchMode;
  readonly sharedHealth: SwitchMode;
  readonly clusterMetrics: SwitchMode;
}

/** The switches as they stand; changed while running by a reload. */
export class SwitchBoard {
  current: Switches;

  constructor(switches: Switches) {
    this.current = switches;
  }
}
