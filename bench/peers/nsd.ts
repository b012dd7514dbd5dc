import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/installed.ts';
import { zoneName } from '../support/query-file.ts';
import { ServerProcess } from '../support/server-process.ts';

/** The upstream of every resolver: NSD with so many names below `bench.example.`. */
export async function startNsd(
  directory: string,
  port: number,
  names: number,
): Promise<ServerProcess> {
  const program = findProgram('nsd');
  if (program === undefined) throw new Error('the upstream needs nsd, which is not installed');
  writeFileSync(join(directory, 'bench.zone'), zone(names));
  const file = join(directory, 'nsd.conf');
  writeFileSync(file, configuration(directory, port));
  return ServerProcess.start('nsd', port, [program, '-d', '-c', file]);
}

function zone(names: number): string {
  const records = Array.from({ length: names }, (_, index) => {
    const address = `192.0.${String(2 + ((index >> 8) & 0x3f))}.${String(index & 0xff)}`;
    return `n${String(index)} A ${address}`;
  });
  return `$ORIGIN ${zoneName}
$TTL 86400
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
${records.join('\n')}
`;
}

/** Debian builds NSD with response rate limiting, which would drop most of a benchmark. */
function configuration(directory: string, port: number): string {
  const path = (name: string): string => JSON.stringify(join(directory, name));
  return `server:
  ip-address: 127.0.0.1
  port: ${String(port)}
  server-count: 1
  username: ""
  zonesdir: ${JSON.stringify(directory)}
  database: ""
  pidfile: ""
  zonelistfile: ${path('nsd-zones.list')}
  xfrdfile: ${path('nsd-xfrd.state')}
  xfrdir: ${JSON.stringify(directory)}
  logfile: "/dev/null"
  verbosity: 0
  tcp-count: 500
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${zoneName}
  zonefile: bench.zone
`;
}
