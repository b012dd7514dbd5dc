import { byLabel, plain } from './sample.ts';
import type { SourcesOf } from './sample.ts';

/** A worker as operators see it. */
export interface WorkerStatus {
  /** From 1: the place stays when its worker is started again. */
  readonly place: number;
  readonly pid: number | null;
  readonly state: (typeof workerStates)[number];
  /** Times that a worker in this place ended by itself. */
  readonly restarts: number;
  /** Queries on their way through its stages, when it last told. */
  readonly inFlight: number;
  /** Answers in its memory, when it last told. */
  readonly cacheEntries: number;
}

/** The workers of a pod. */
export interface WorkersFigures {
  readonly status: () => readonly WorkerStatus[];
  readonly restarts: () => number;
}

const workerStates = ['starting', 'listening', 'stopping', 'waiting'] as const;

/** None at all where one process does all. */
export function workerSources(workers: WorkersFigures | undefined): SourcesOf<'heimdall_worker'> {
  return {
    heimdall_workers: () => {
      if (workers === undefined) return [];
      const states = workers.status().map(({ state }) => state);
      const totals = workerStates.map(
        (state) => [state, states.filter((one) => one === state).length] as const,
      );
      return byLabel('state', totals);
    },
    heimdall_worker_restarts_total: () => (workers === undefined ? [] : plain(workers.restarts())),
  };
}
