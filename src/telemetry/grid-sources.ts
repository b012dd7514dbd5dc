import type { GridFigures } from '../grid/grid-figures.ts';
import type { GridObservations } from './grid-observations.ts';
import { byLabel, histogramSamples, optional, plain } from './sample.ts';
import type { Sample, SourcesOf } from './sample.ts';

/** The grid as metrics see it; undefined where none is configured. */
export interface GridSource {
  readonly figures: GridFigures;
  readonly observations: GridObservations;
  readonly isConnected: () => boolean;
  readonly memberCount: () => number;
  readonly openBreakers: () => number;
  readonly callsUnderWay: () => number;
  /** How far this machine's clock is ahead of the grid's; undefined before it is known. */
  readonly skewMs: () => number | undefined;
}

/** The metrics of the grid: none at all without one. */
export function gridSources(grid: GridSource | undefined): SourcesOf<'heimdall_grid_'> {
  const of = (read: (source: GridSource) => Sample[]) => (): Sample[] =>
    grid === undefined ? [] : read(grid);
  const total = (read: (figures: GridFigures) => number): (() => Sample[]) =>
    of(({ figures }) => plain(read(figures)));
  return {
    heimdall_grid_connected: of(({ isConnected }) => plain(isConnected() ? 1 : 0)),
    heimdall_grid_members: of(({ memberCount }) => plain(memberCount())),
    heimdall_grid_breakers_open: of(({ openBreakers }) => plain(openBreakers())),
    heimdall_grid_calls_in_flight: of(({ callsUnderWay }) => plain(callsUnderWay())),
    heimdall_grid_clock_skew_seconds: of(({ skewMs }) => {
      const ms = skewMs();
      return optional(ms === undefined ? undefined : ms / 1000);
    }),
    heimdall_grid_operation_seconds: of(({ observations }) =>
      Array.from(observations.observed(), ({ operation, outcome, histogram }) =>
        histogramSamples(histogram, { operation, outcome }),
      ).flat(),
    ),
    heimdall_grid_looks_total: of(({ figures }) =>
      byLabel('result', Object.entries(figures.looks)),
    ),
    heimdall_grid_predicted_looks_total: of(({ figures }) =>
      byLabel('result', Object.entries(figures.predictedLooks)),
    ),
    heimdall_grid_leases_total: of(({ figures }) =>
      byLabel('result', Object.entries(figures.leases)),
    ),
    heimdall_grid_predicted_leases_held_total: total(({ predictedHeld }) => predictedHeld),
    heimdall_grid_entries_dropped_total: of(({ figures }) =>
      byLabel('reason', Object.entries(figures.dropped)),
    ),
    heimdall_grid_entries_shared_total: total(({ shared }) => shared),
    heimdall_grid_entries_unpopular_total: total(({ unpopular }) => unpopular),
    heimdall_grid_writes_dropped_total: total(({ writesDropped }) => writesDropped),
    heimdall_grid_bulletins_sent_total: total(({ bulletinsSent }) => bulletinsSent),
    heimdall_grid_bulletins_heard_total: total(({ bulletinsHeard }) => bulletinsHeard),
    heimdall_grid_warm_entries_total: total(({ warmEntries }) => warmEntries),
  };
}
