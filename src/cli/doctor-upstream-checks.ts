import { parseHostPort } from '../base/address.ts';
import { ExchangeFailed } from '../base/errors.ts';
import { recordType } from '../dns/codes.ts';
import { encodeQuery } from '../dns/presentation.ts';
import type { CommandIo } from './command.ts';
import { askUdp } from './exchange-udp.ts';
import { cellText } from './table.ts';
import { optionAt } from './doctor-facts.ts';
import type { Facts, Fields } from './doctor-facts.ts';
import { ok, problem, warning } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

/** The type of the root's keys: with their signatures an answer of more than 800 octets. */
const keysOfTheRoot = { name: '.', type: 48 };
/** What any path takes, what is offered by default, and what only fragments carry. */
const sizes = { least: 512, usual: 1232, fragmented: 4096 };
const timeoutMs = 2000;
/** More upstreams say nothing more about the path. */
const pathsMax = 8;

/** Whether upstreams answer the replica, and what gets through to them from here. */
export async function upstreamChecks(facts: Facts, io: CommandIo): Promise<Finding[]> {
  const { upstreams } = facts;
  if (upstreams.length === 0) {
    return [problem('upstreams', 'there are none', 'set upstream.servers')];
  }
  const paths = upstreams.filter(({ transport }) => transport === 'udp').slice(0, pathsMax);
  const found = await Promise.all(paths.map((upstream) => pathTo(upstream, facts, io)));
  return [...upstreams.map(stateOf), ...found];
}

function stateOf(upstream: Fields): Finding {
  const server = cellText(upstream['server']);
  const text = `${server} is ${cellText(upstream['state'])}`;
  if (upstream['state'] === 'loop') {
    return problem(
      'upstreams',
      `${text}: it asks this resolver`,
      'take it out, or break the circle',
    );
  }
  if (upstream['state'] !== 'down') return ok('upstreams', text);
  const failure = upstream['lastFailure'];
  const why = failure === null ? '' : `, last: ${cellText(failure)}`;
  return problem('upstreams', `${text}${why}`, 'see whether it runs, and what is in between');
}

/** By queries of our own: from the smallest to one whose answer comes in fragments. */
async function pathTo(upstream: Fields, facts: Facts, io: CommandIo): Promise<Finding> {
  const server = cellText(upstream['server']);
  const check = 'path';
  if (!(await answers(server, sizes.least, io))) {
    const advice =
      'it may answer the replica and not this place: run the command where the replica is';
    return warning(check, `${server} does not answer a query of our own over UDP`, advice);
  }
  const offered = Number(optionAt(facts, 'upstream.ednsBytes'));
  if (!(await answers(server, offered, io))) {
    const advice = 'lower upstream.ednsBytes: answers of that size do not come through';
    return problem(check, `${server} answers with 512 octets, not with ${String(offered)}`, advice);
  }
  if (offered <= sizes.usual || (await answers(server, sizes.fragmented, io))) {
    return ok(check, `${server} answers with the ${String(offered)} octets that are offered`);
  }
  return warning(check, `${server}: fragments are lost`, 'lower upstream.ednsBytes to 1232');
}

async function answers(server: string, udpSize: number, io: CommandIo): Promise<boolean> {
  const query = encodeQuery({
    ...(udpSize === sizes.least ? { name: '.', type: recordType.NS } : keysOfTheRoot),
    id: io.random.uint16(),
    dnssecOk: udpSize !== sizes.least,
    udpSize,
    options: [],
  });
  try {
    const to = { transport: 'udp', server: parseHostPort(server, 53) } as const;
    const { clock } = io;
    await askUdp({ ...to, timeoutMs, clock, tlsName: undefined, insecure: false }, query);
    return true;
  } catch (error) {
    if (error instanceof ExchangeFailed) return false;
    throw error;
  }
}
