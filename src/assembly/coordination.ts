import { hostname } from 'node:os';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Config } from '../config/schema.ts';
import { GridCoordination } from '../grid/grid-coordination.ts';
import type { CoordinationOptions, ReplicaTidings } from '../grid/grid-coordination.ts';
import { gridKey } from '../grid/grid-key.ts';
import type { Grid } from '../grid/grid.ts';
import type { Switches } from '../grid/switches.ts';
import { GridObservations } from '../telemetry/grid-observations.ts';
import type { GridSource } from '../telemetry/grid-sources.ts';
import type { SeriesTotal } from '../telemetry/cluster-counters.ts';
import type { Log } from '../telemetry/log.ts';
import type { HottestNames } from './hottest-names.ts';

/** Makes the driver of a grid; a test makes one in memory. */
export type ConnectGrid = (config: Config, clock: Clock, log: Log) => Grid;

export interface GridParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly build: { readonly version: string };
  /** Needed where a grid is configured. */
  readonly connectGrid?: ConnectGrid | undefined;
}

/** The grid of a replica and what is seen of it. */
export interface ReplicaGrid {
  readonly coordination: GridCoordination;
  readonly source: GridSource;
  readonly replicaId: string;
}

/** The grid that is configured; undefined where none is. */
export function gridOf(config: Config, parts: GridParts): ReplicaGrid | undefined {
  if (config.grid.members.length === 0) return undefined;
  const { clock, log } = parts;
  const observations = new GridObservations(log);
  const { connectGrid } = parts;
  assert(connectGrid !== undefined, 'whoever configures a grid brings its driver');
  const replicaId = `${config.grid.replicaId ?? hostname()}-${startMark(parts.random)}`;
  const coordination = new GridCoordination(optionsOf(config, replicaId), {
    clock,
    version: parts.build.version,
    grid: connectGrid(config, clock, log),
    observer: observations,
    report: (message, fields) => log.info(message, fields),
  });
  if (!coordination.seal.isAuthenticated) {
    log.warn('entries of the grid are not authenticated: set grid.entryKeys');
  }
  return { coordination, replicaId, source: sourceOf(coordination, observations) };
}

/** Keys that a replica tells the others it is asked for most; they read no more of it. */
export const hottestMax = 1000;
/** What a replica tells the others of itself. */
export function tidingsOf(
  grid: ReplicaGrid,
  hottest: HottestNames,
  told: { readonly address: () => string; readonly series: () => readonly SeriesTotal[] },
): ReplicaTidings {
  return {
    series: told.series,
    details: () => ({
      address: told.address(),
      switches: grid.coordination.switches.current,
      answers: answersByLayer(told.series()),
      hottest: hottest.latest.map(({ key }) => gridKey(key)),
    }),
  };
}

/** How many queries each layer settled, in all processes of the replica. */
function answersByLayer(series: readonly SeriesTotal[]): Record<string, number> {
  const counts = series.filter(({ name }) => name === 'heimdall_query_duration_seconds_count');
  return Object.fromEntries(counts.map(({ labels, value }) => [labels['layer'] ?? '', value]));
}

/** The switches as configured. */
export function switchesOf({ grid }: Config): Switches {
  return {
    sharedCache: grid.sharedCache.mode,
    deduplication: grid.deduplication.mode,
    sharedHealth: grid.sharedHealth.mode,
    clusterMetrics: grid.clusterMetrics.mode,
  };
}

/**
 * Tells the starts of one replica apart: what an earlier process of the same name left in the grid
 * (leases, counters) is not taken for its own.
 */
function startMark(random: Random): string {
  return (
    random.uint16().toString(16).padStart(4, '0') + random.uint16().toString(16).padStart(4, '0')
  );
}

function optionsOf(config: Config, replicaId: string): CoordinationOptions {
  const { grid, cache } = config;
  return {
    ...grid,
    replicaId,
    entryKeys: grid.entryKeys.map(({ id, secret }) => ({ id, secret: Buffer.from(secret ?? '') })),
    switches: switchesOf(config),
    staleSecondsMax: cache.serveStale.enabled ? cache.serveStale.staleSecondsMax : 0,
    failureTtlSeconds: cache.failureTtlSeconds,
  };
}

function sourceOf(coordination: GridCoordination, observations: GridObservations): GridSource {
  const { caller, figures, gridClock } = coordination;
  return {
    figures,
    observations,
    isConnected: () => caller.isConnected,
    memberCount: () => caller.session?.members().length ?? 0,
    openBreakers: () => caller.openBreakers.length,
    callsUnderWay: () => caller.callsUnderWay,
    skewMs: () => gridClock.skewMs(),
  };
}
