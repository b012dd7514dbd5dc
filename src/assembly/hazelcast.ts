import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/schema.ts';
import type { Grid } from '../grid/grid.ts';
import { HazelcastGrid } from '../grid/hazelcast-grid.ts';
import type { HazelcastOptions } from '../grid/hazelcast-options.ts';
import type { Log } from '../telemetry/log.ts';

/** The driver of the configured members. */
export function connectHazelcast({ grid }: Config, clock: Clock, log: Log): Grid {
  const { clusterName, members, connectTimeoutMs, smartRouting, username, password, tls } = grid;
  const options: HazelcastOptions = {
    clusterName,
    members,
    connectTimeoutMs,
    smartRouting,
    labels: ['heimdall'],
    ...(username === undefined ? {} : { credentials: { username, password: password ?? '' } }),
    ...(tls.enabled
      ? {
          tls: {
            verify: true,
            ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) }),
            ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
          },
        }
      : {}),
  };
  return new HazelcastGrid(options, { clock, log });
}
