import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

const clients = 20;
const queriesInFlight = 200;
/** Ends a run whose server went silent; far beyond what any measurement takes. */
const runTimeoutMs = 600_000;

export interface Load {
  readonly port: number;
  /** One `NAME TYPE` a line. */
  readonly queryFile: string;
  readonly transport: 'udp' | 'tcp';
  /** For so many seconds, or once through the file. */
  readonly length: { readonly seconds: number } | 'once';
}

export interface LoadReport {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  readonly queriesPerSecond: number;
  readonly averageLatencyMs: number;
  readonly averageResponseBytes: number;
  /** Responses by rcode, as dnsperf names them. */
  readonly responseCodes: Readonly<Record<string, number>>;
}

/** The least that an A record adds to a query, its owner being a pointer (RFC 1035 section 4.1.4). */
const addressRecordBytes = 16;

/**
 * Runs dnsperf against a port of 127.0.0.1.
 * @throws when the responses are on average too short to hold an answer: dnsperf looks at id and
 *   rcode alone, and would praise a server that answers with nothing
 */
export async function runDnsperf({
  port,
  queryFile,
  transport,
  length,
}: Load): Promise<LoadReport> {
  const limit = length === 'once' ? ['-n', '1'] : ['-l', String(length.seconds)];
  const parameters = [
    ...['-s', '127.0.0.1', '-p', String(port), '-d', queryFile, '-m', transport, ...limit],
    ...['-c', String(clients), '-T', '1', '-q', String(queriesInFlight)],
  ];
  const { stdout } = await run('dnsperf', parameters, { timeout: runTimeoutMs });
  const report = parseReport(stdout);
  const requestBytes = Number(/packet size:\s+request (\d+)/.exec(stdout)?.[1]);
  if (report.completed > 0 && report.averageResponseBytes < requestBytes + addressRecordBytes) {
    throw new Error(`the responses on port ${String(port)} hold no answer:\n${stdout}`);
  }
  return report;
}

function parseReport(text: string): LoadReport {
  const number = (label: string): number => {
    const match = new RegExp(`${label}:\\s+([\\d.]+)`).exec(text);
    if (match === null) throw new Error(`dnsperf said nothing of "${label}":\n${text}`);
    return Number(match[1]);
  };
  const codes = /Response codes:\s+(.*)/.exec(text)?.[1] ?? '';
  return {
    sent: number('Queries sent'),
    completed: number('Queries completed'),
    lost: number('Queries lost'),
    queriesPerSecond: number('Queries per second'),
    averageLatencyMs: number('Average Latency \\(s\\)') * 1000,
    averageResponseBytes: Number(/packet size:.* response (\d+)/.exec(text)?.[1]),
    responseCodes: Object.fromEntries(
      [...codes.matchAll(/([A-Z]+) (\d+)/g)].map(([, code, count]) => [code, Number(count)]),
    ),
  };
}
