import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { percentile } from './load.ts';
import type { Latency, Load, LoadReport } from './load.ts';

const run = promisify(execFile);

const usualClients = 20;
const usualInFlight = 200;
/** Ends a run whose server went silent; far beyond what any measurement takes. */
const runTimeoutMs = 600_000;
/** A line for each query, of a load with a rate. */
const outputBytesMax = 512 * 1024 ** 2;

/** The least that an A record adds to a query, its owner being a pointer (RFC 1035 section 4.1.4). */
const addressRecordBytes = 16;

/**
 * Runs dnsperf against a port of 127.0.0.1.
 * @throws when the responses are on average too short to hold an answer: dnsperf looks at id and
 *   rcode alone, and would praise a server that answers with nothing
 */
export async function runDnsperf(load: Load): Promise<LoadReport> {
  const options = { timeout: runTimeoutMs, maxBuffer: outputBytesMax };
  const { stdout } = await run('dnsperf', parametersOf(load), options);
  const report = parseReport(stdout);
  const [request = 0, response = 0] = packetSizes(stdout);
  const isAnswered = load.isTurnedAway !== true && report.completed > 0;
  if (isAnswered && response < request + addressRecordBytes) {
    throw new Error(`the responses on port ${String(load.port)} hold no answer`);
  }
  return load.rate === undefined ? report : { ...report, latency: latencyOf(stdout) };
}

function parametersOf(load: Load): string[] {
  const { port, queryFile, transport, length, rate, source, isTurnedAway = false } = load;
  const { clients = usualClients, inFlight = usualInFlight } = load;
  const limit = length === 'once' ? ['-n', '1'] : ['-l', String(length.seconds)];
  return [
    ...['-s', '127.0.0.1', '-p', String(port), '-d', queryFile, '-m', transport, ...limit],
    ...['-c', String(clients), '-T', '1', '-q', String(inFlight)],
    ...(rate === undefined ? [] : ['-Q', String(rate), '-v']),
    ...(source === undefined ? [] : ['-a', source]),
    ...(isTurnedAway ? ['-t', '0.1'] : []),
  ];
}

function packetSizes(text: string): number[] {
  const match = /packet size:\s+request (\d+), response (\d+)/.exec(text);
  return [Number(match?.[1]), Number(match?.[2])];
}

function parseReport(text: string): LoadReport {
  const number = (label: string): number => {
    const match = new RegExp(`${label}:\\s+([\\d.]+)`).exec(text);
    if (match === null) throw new Error(`dnsperf said nothing of "${label}"`);
    return Number(match[1]);
  };
  const codes = /Response codes:\s+(.*)/.exec(text)?.[1] ?? '';
  return {
    sent: number('Queries sent'),
    completed: number('Queries completed'),
    lost: number('Queries lost'),
    queriesPerSecond: number('Queries per second'),
    averageLatencyMs: number('Average Latency \\(s\\)') * 1000,
    responseCodes: Object.fromEntries(
      [...codes.matchAll(/([A-Z]+) (\d+)/g)].map(([, code, count]) => [code, Number(count)]),
    ),
  };
}

/** From lines such as `> NOERROR n1.bench.example. A 0.000123`; names `new…` are no hits. */
function latencyOf(text: string): Latency {
  const all: number[] = [];
  const hits: number[] = [];
  for (const [, name = '', seconds] of text.matchAll(/^> [A-Z]+ (\S+) \S+ ([\d.]+)$/gm)) {
    const milliseconds = Number(seconds) * 1000;
    all.push(milliseconds);
    if (!name.startsWith('new')) hits.push(milliseconds);
  }
  const whole = { p50: percentile(all, 0.5), p99: percentile(all, 0.99) };
  return hits.length === all.length ? whole : { ...whole, hitP99: percentile(hits, 0.99) };
}
