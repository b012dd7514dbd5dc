import type { Argv } from 'yargs';
import { UsageInvalid } from '../base/errors.ts';
import { apiFlags } from './api.ts';
import type { Transport } from './target.ts';

/** What `heimdall query` is called with. */
export interface QueryArguments {
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly server: string | undefined;
  readonly tcp: boolean;
  readonly tls: boolean;
  readonly https: boolean;
  readonly tlsName: string | undefined;
  readonly insecure: boolean;
  readonly dnssec: boolean;
  readonly reverse: string | undefined;
  /** In milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
  /** Have a replica say where its answer comes from. */
  readonly explain: boolean;
  readonly api: string | undefined;
  readonly token: string | undefined;
}

/** A resolver gives up after 4 s (upstream.queryBudgetMs); its SERVFAIL should still be seen. */
const timeoutDefaultMs = 5000;
const timeoutMaxMs = 600_000;

export function queryFlags<T>(cli: Argv<T>) {
  const toggle = { type: 'boolean', default: false } as const;
  const text = { type: 'string', requiresArg: true } as const;
  return apiFlags(cli)
    .positional('name', { type: 'string', describe: 'The name to ask for' })
    .positional('type', { type: 'string', describe: 'A, AAAA, MX, TYPE65, 65, …; A by default' })
    .option('server', {
      ...text,
      alias: 's',
      describe: 'host or host:port; 127.0.0.1:1053 by default',
    })
    .option('tcp', { ...toggle, describe: 'Ask over TCP; UDP turns to it after truncation anyway' })
    .option('tls', { ...toggle, describe: 'Ask over TLS, port 853 (RFC 7858)' })
    .option('https', { ...toggle, describe: 'Ask over HTTPS, port 443 (RFC 8484)' })
    .option('tls-name', { ...text, describe: 'Name in the certificate, where it is not the host' })
    .option('insecure', { ...toggle, describe: 'Accept any certificate' })
    .option('dnssec', { ...toggle, describe: 'Ask for signatures (the DO bit)' })
    .option('reverse', { ...text, alias: 'x', describe: 'Ask for the names of this address' })
    .option('timeout', {
      type: 'number',
      requiresArg: true,
      default: timeoutDefaultMs,
      describe: 'How long to wait, in milliseconds',
    })
    .option('explain', {
      ...toggle,
      describe: 'Have a replica ask, by its admin API, and say where the answer came from',
    })
    .check(checkQuery, false)
    .example('$0 query example.com', 'The addresses, from a Heimdall on this machine')
    .example('$0 query example.com MX --server 9.9.9.9:53 --dnssec', 'From another server')
    .example('$0 query example.com --explain', 'Cache, grid, upstream or filter: what answered')
    .example('$0 query -x 192.0.2.1 --json', 'The names of an address, for programs');
}

/** @throws {UsageInvalid} with the sentence that says what does not fit */
function checkQuery(given: {
  readonly tcp: boolean;
  readonly tls: boolean;
  readonly https: boolean;
  readonly server: string | undefined;
  readonly dnssec: boolean;
  readonly explain: boolean;
  readonly timeout: number;
}): true {
  const ownTransport = given.tcp || given.tls || given.https || given.server !== undefined;
  if (given.explain && (ownTransport || given.dnssec)) {
    throw new UsageInvalid(
      '--explain asks by the admin API: it takes no server, no transport, no --dnssec',
    );
  }
  if ([given.tcp, given.tls, given.https].filter(Boolean).length > 1) {
    throw new UsageInvalid('only one of --tcp, --tls and --https can be asked for');
  }
  if (given.timeout > 0 && given.timeout <= timeoutMaxMs) return true;
  throw new UsageInvalid(
    `--timeout must be a number of milliseconds from 1 to ${String(timeoutMaxMs)}`,
  );
}

export function transportOf({ tcp, tls, https }: QueryArguments): Transport {
  if (https) return 'https';
  if (tls) return 'tls';
  return tcp ? 'tcp' : 'udp';
}
