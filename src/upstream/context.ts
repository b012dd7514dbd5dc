import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ExchangeTransport } from './exchange.ts';
import type { HealthBoard } from './health-board.ts';
import type { UpstreamObserver } from './observer.ts';
import type { UpstreamOptions } from './options.ts';

/** What everything in this room works with. */
export interface UpstreamContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: UpstreamObserver;
  readonly healthBoard: HealthBoard;
  readonly transport: ExchangeTransport;
  /** As they are now: not to be kept. */
  readonly options: UpstreamOptions;
}
