import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { percentile } from './load.ts';
import type { Load, LoadReport } from './load.ts';

const run = promisify(execFile);

const clients = 20;
const streamsPerClient = 10;
const runTimeoutMs = 600_000;

/** The head of a query with id 0 and RD set, for one question (RFC 8484 section 4.1 wants id 0). */
const head = Buffer.from('000001000001000000000000', 'hex');
const typeAndClass = Buffer.from('00010001', 'hex');

/** Asks by GET over HTTP/2: dnsperf loses queries over HTTPS against servers of several kinds. */
export async function runH2load({ port, queryFile, length, rate }: Load): Promise<LoadReport> {
  const { file, count } = writeRequests(queryFile, port);
  const log = `${queryFile}.h2log`;
  rmSync(log, { force: true });
  const amount = length === 'once' ? ['-n', String(count)] : ['-D', String(length.seconds)];
  const parameters = [
    ...['-i', file, '-c', String(clients), '-m', String(streamsPerClient), '-t', '1', ...amount],
    ...(rate === undefined ? [] : ['--rps', String(rate / clients), `--log-file=${log}`]),
  ];
  const { stdout } = await run('h2load', parameters, { timeout: runTimeoutMs });
  const report = parseReport(stdout);
  if (rate === undefined) return report;
  const milliseconds = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]) / 1000);
  const latency = { p50: percentile(milliseconds, 0.5), p99: percentile(milliseconds, 0.99) };
  return { ...report, latency };
}

function writeRequests(queryFile: string, port: number): { file: string; count: number } {
  const names = readFileSync(queryFile, 'utf8').trim().split('\n');
  const uris = names.map((line) => {
    const labels = (line.split(' ')[0] ?? '').split('.').filter((label) => label !== '');
    const name = labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
    const query = Buffer.concat([head, ...name, Buffer.from([0]), typeAndClass]);
    return `https://127.0.0.1:${String(port)}/dns-query?dns=${query.toString('base64url')}`;
  });
  const file = `${queryFile}.${String(port)}.uris`;
  writeFileSync(file, `${uris.join('\n')}\n`);
  return { file, count: names.length };
}

function parseReport(text: string): LoadReport {
  const [, sent, done, succeeded] =
    /requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded/.exec(text) ?? [];
  if (done === undefined) throw new Error(`h2load said nothing of its requests:\n${text}`);
  const [, rate] = /finished in [\d.]+m?s, ([\d.]+) req\/s/.exec(text) ?? [];
  const [, statusOk] = /status codes: (\d+) 2xx/.exec(text) ?? [];
  const [, mean, unit] = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
  const factors: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
  return {
    sent: Number(sent),
    completed: Number(done),
    lost: Number(done) - Number(succeeded),
    queriesPerSecond: Number(rate),
    averageLatencyMs: Number(mean) * (factors[unit ?? ''] ?? Number.NaN),
    responseCodes: { NOERROR: Number(statusOk) },
  };
}
