import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/installed.ts';
import { zoneName } from '../support/query-file.ts';
import { ServerProcess } from '../support/server-process.ts';
import { entriesFor } from './peer.ts';
import type { EncryptedSetting, Peer, PeerSetting } from './peer.ts';

/** What an entry adds to resident memory (`memory`). */
const bytesPerEntry = 250;

export const dnsdist: Peer = {
  name: 'dnsdist',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => (findProgram('dnsdist') === undefined ? 'not installed' : undefined),
  start: (setting) => {
    const file = join(setting.directory, 'dnsdist.conf');
    writeFileSync(file, configuration(setting));
    const program = findProgram('dnsdist') ?? 'dnsdist';
    const command = [program, '--supervised', '--disable-syslog', '-C', file];
    return ServerProcess.start('dnsdist', setting.port, command);
  },
};

/** Two sockets, a thread each. The name of the health check must exist at the upstream. */
function configuration(setting: PeerSetting): string {
  const { port, metricsPort, upstreamPort, encrypted } = setting;
  const entries = entriesFor(setting, bytesPerEntry);
  const address = `127.0.0.1:${String(port)}`;
  return `addLocal("${address}", { reusePort = true })
addLocal("${address}", { reusePort = true })
${encrypted === undefined ? '' : encryption(encrypted)}setACL({ "127.0.0.0/8" })
setSecurityPollSuffix("")
newServer({ address = "127.0.0.1:${String(upstreamPort)}", checkName = "${zoneName}" })
getPool(""):setCache(newPacketCache(${entries}, { maxTTL = 86400 }))
setWebserverConfig({ acl = "127.0.0.0/8", statsRequireAuthentication = false })
webserver("127.0.0.1:${String(metricsPort)}")
`;
}

function encryption({ tlsPort, httpsPort, certificateFile, keyFile }: EncryptedSetting): string {
  const files = `"${certificateFile}", "${keyFile}"`;
  return `addTLSLocal("127.0.0.1:${String(tlsPort)}", ${files})
addDOHLocal("127.0.0.1:${String(httpsPort)}", ${files}, "/dns-query")
`;
}
