import type { Argv } from 'yargs';
import { formatAddress, parseHostPort } from '../base/address.ts';
import { describeError, ExchangeFailed, UsageInvalid } from '../base/errors.ts';
import { ednsOption, recordTypeNumber } from '../dns/codes.ts';
import {
  describeMessage,
  type DescribedMessage,
  encodeQuery,
  isAnswered,
  messageLines,
} from '../dns/presentation.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { type Answered, ask } from './exchange.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { runExplain } from './explain.ts';
import { queryFlags, type QueryArguments, transportOf } from './query-flags.ts';
import { reverseName } from './reverse-name.ts';
import { defaultPorts, type Target } from './target.ts';

/** The size that DNS Flag Day 2020 settled on: it fits every path without fragments (RFC 9715). */
const udpSize = 1232;

export function addQuery<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'query [name] [type]',
    'Ask a server and print its answer',
    queryFlags,
    async (given) => finish(await runQuery(given, io)),
  );
}

/** Asks and prints. What the arguments cannot mean is thrown. */
export async function runQuery(given: QueryArguments, io: CommandIo): Promise<ExitCode> {
  if (given.explain) return runExplain(questionOf(given), given, io);
  const target = targetOf(given, io);
  const query = queryOf(given, target, io);
  const startedMs = io.clock.nowMs();
  try {
    const answered = await ask(target, query);
    const timeMs = Math.round((io.clock.nowMs() - startedMs) * 10) / 10;
    const message = describeMessage(answered.response);
    print({ message, answered, target, timeMs }, given.json, io);
    return isAnswered(message) ? exitCode.ok : exitCode.failed;
  } catch (error) {
    if (error instanceof ExchangeFailed && error.reason !== 'malformed') {
      io.stderr(`${describeError(error)}\n`);
      return exitCode.unreachable;
    }
    throw error;
  }
}

function targetOf(given: QueryArguments, io: CommandIo): Target {
  const transport = transportOf(given);
  return {
    transport,
    server: parseHostPort(given.server ?? '127.0.0.1', defaultPorts[transport]),
    timeoutMs: given.timeout,
    clock: io.clock,
    tlsName: given.tlsName,
    insecure: given.insecure,
  };
}

function queryOf(given: QueryArguments, target: Target, io: CommandIo): Buffer {
  const asked = questionOf(given);
  return encodeQuery({
    ...asked,
    id: target.transport === 'https' ? 0 : io.random.uint16(), // RFC 8484 section 4.1
    dnssecOk: given.dnssec,
    udpSize,
    options: [{ code: ednsOption.HEIMDALL_LAYER, data: Buffer.alloc(0) }],
  });
}

function questionOf(given: QueryArguments): { name: string; type: number } {
  if (given.reverse !== undefined) {
    return { name: reverseName(given.reverse), type: typeOf(given.type ?? 'PTR') };
  }
  if (given.name === undefined) throw new UsageInvalid('a name to ask for is missing');
  return { name: given.name, type: typeOf(given.type ?? 'A') };
}

function typeOf(text: string): number {
  const type = recordTypeNumber(text);
  if (type !== undefined) return type;
  throw new UsageInvalid(`"${text}" is no record type; any type can be written as TYPE123`);
}

interface Result {
  readonly message: DescribedMessage;
  readonly answered: Answered;
  readonly target: Target;
  readonly timeMs: number;
}

function print({ message, answered, target, timeMs }: Result, json: boolean, io: CommandIo): void {
  const server = formatAddress(target.server);
  const { transport } = answered;
  if (json) {
    printJson(io, { server, transport, timeMs, ...message });
    return;
  }
  const layer = message.layer === undefined ? '' : `, layer ${message.layer}`;
  printLines(io, [
    ...messageLines(message),
    `;; ${String(timeMs)} ms from ${server} over ${transport}${layer}`,
  ]);
}
