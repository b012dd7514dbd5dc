import type { FilterFigures } from './figures.ts';
import { byLabel, optional, plain } from './sample.ts';
import type { SourcesOf } from './sample.ts';

/** The lists of names that are answered here. */
export function filterSources(filter: () => FilterFigures): SourcesOf<'heimdall_filter_'> {
  return {
    heimdall_filter_blocked_total: () => byLabel('list', Object.entries(filter().blocked)),
    heimdall_filter_pauses: () => plain(filter().pauses),
    heimdall_filter_screened_total: () => byLabel('reason', Object.entries(filter().screened)),
    heimdall_filter_rules: () => byLabel('list', Object.entries(filter().rules)),
    heimdall_filter_skipped: () => byLabel('list', Object.entries(filter().skipped)),
    heimdall_filter_names: () => plain(filter().names),
    heimdall_filter_bytes: () => plain(filter().sizeBytes),
    heimdall_filter_loads_total: () => byLabel('result', Object.entries(filter().loads)),
    heimdall_filter_fetches_total: () =>
      filter().fetches.flatMap(({ list, results }) =>
        byLabel('result', Object.entries(results), { list }),
      ),
    heimdall_filter_fetch_success_timestamp_seconds: () =>
      filter().fetches.flatMap(({ list, lastSuccessWallMs }) =>
        lastSuccessWallMs === undefined
          ? []
          : [{ labels: { list }, value: lastSuccessWallMs / 1000 }],
      ),
    heimdall_filter_last_success_timestamp_seconds: () => {
      const wallMs = filter().lastSuccessWallMs;
      return optional(wallMs === undefined ? undefined : wallMs / 1000);
    },
  };
}
