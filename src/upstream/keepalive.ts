import { uint16At } from '../base/bytes.ts';
import { ednsOption, recordType } from '../dns/codes.ts';
import { readEdns } from '../dns/edns.ts';
import { readRecords } from '../dns/records.ts';

/** The option counts in tenths of a second (RFC 7828 section 3.1). */
const unitMs = 100;
/** Longer than that a connection is of no more use than a new one with a resumed session. */
const keepaliveMaxMs = 120_000;

/** How long the server that sent a response keeps an idle connection; undefined if it does not say. */
export function keepaliveMsOf(response: Buffer): number | undefined {
  const opt = readRecords(response)?.additional.find(({ type }) => type === recordType.OPT);
  if (opt === undefined) return undefined;
  const option = readEdns(response, opt.typeOffset)?.options.find(
    ({ code, data }) => code === ednsOption.TCP_KEEPALIVE && data.length === 2,
  );
  if (option === undefined) return undefined;
  return Math.min(uint16At(option.data, 0) * unitMs, keepaliveMaxMs);
}
