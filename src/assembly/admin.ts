import { RequestRefused } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { redact } from '../config/changes.ts';
import type { ConfigWatcher } from '../config/watcher.ts';
import { decodeKey, typeOfNxdomain } from '../dns/question.ts';
import type { AdminActions, CacheEntryView, LogState } from '../telemetry/admin-actions.ts';
import { noCluster } from '../telemetry/cluster-view.ts';
import type { ClusterView } from '../telemetry/cluster-view.ts';
import type { BuildFigures } from '../telemetry/figures.ts';
import type { WinstonLog } from '../telemetry/winston-log.ts';
import { viewOf } from './cache-view.ts';
import type { Frontline } from './frontline.ts';
import type { HottestNames } from './hottest-names.ts';
import { lookUp } from './lookup.ts';
import type { Resolver } from './resolver.ts';
import { topNames } from './top-names.ts';

export interface AdminParts {
  readonly resolver: Resolver;
  readonly frontline: Frontline;
  readonly watcher: ConfigWatcher;
  readonly log: WinstonLog;
  readonly clock: Clock;
  readonly build: BuildFigures;
  readonly hottest: HottestNames;
  /** Undefined where no grid is configured. */
  readonly cluster?: () => ClusterView;
}

/** What the admin API does, done by the parts that can. */
export function adminActions(parts: AdminParts): AdminActions {
  const { resolver, frontline, watcher, log, clock, build, hottest } = parts;
  const { cluster = () => noCluster } = parts;
  return {
    version: () => build,
    config: () => redact(watcher.current.config),
    reloadConfig: () => {
      const outcome = watcher.reload();
      if (outcome.result === 'rejected') return Promise.reject(outcome.error);
      if (outcome.result === 'unchanged')
        return Promise.resolve({ applied: [], restartNeeded: [] });
      const { changed, restartNeeded } = outcome;
      const left = restartNeeded.filter((path) => !frontline.takesOver(path));
      const applied = changed.filter((path) => !left.includes(path));
      return Promise.resolve({ applied, restartNeeded: left });
    },
    upstreams: () => resolver.upstreams.status(),
    cluster,
    workers: () => frontline.workers?.status() ?? [],
    cacheStats: () => frontline.cacheFigures(resolver.cacheFigures()),
    cacheEntries: (name, type) => entriesOf(resolver, clock, name, type),
    topNames: async () => {
      await hottest.refresh();
      return topNames(hottest.latest, watcher.current.config.http.topNames);
    },
    lookup: (name, type) => lookUp({ name, type }, resolver.resolve, clock),
    filterPauses: () =>
      resolver.pauses
        .list()
        .map(({ group = null, durationMs }) => ({ group, remainingMs: Math.ceil(durationMs) })),
    pauseFilter: async (pause) => {
      const groups = watcher.current.config.filter.groups.map(({ name }) => name);
      if (pause.group !== undefined && !groups.includes(pause.group)) {
        throw new RequestRefused(400, 'bad_request', `group must be one of ${groups.join(', ')}`);
      }
      resolver.pauseFilter(pause);
      await frontline.pauseFilter(pause);
    },
    flush: async (target) => resolver.flush(target) + (await frontline.flush(target)),
    setLog: async (change): Promise<LogState> => {
      const { level, queries } = change;
      await frontline.setLog(change);
      if (level !== undefined) log.level = level;
      if (queries !== undefined) {
        resolver.queryLog.configure({ ...resolver.queryLog.options, ...queries });
        resolver.setHotPath(!resolver.queryLog.enabled);
      }
      return { level: log.level, queries: resolver.queryLog.options };
    },
  };
}

function entriesOf(
  resolver: Resolver,
  clock: Clock,
  name: Buffer,
  type: number | undefined,
): CacheEntryView[] {
  const holds = (key: Buffer): boolean => {
    const stored = decodeKey(key).question.type;
    return type === undefined || stored === type || stored === typeOfNxdomain;
  };
  return resolver.cache
    .entriesOf(name)
    .filter(({ key }) => holds(key))
    .map((entry) => viewOf(entry, clock.nowMs()));
}
