import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { parseNetwork } from '../base/network.ts';
import { ConfigInvalid, describeError, HeimdallError } from '../base/errors.ts';
import type { ConfigProblem } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { recordType } from '../dns/codes.ts';
import { parseName } from '../dns/name.ts';
import { parseRecord } from '../dns/record-text.ts';
import type { WrittenRecord } from '../dns/record-text.ts';
import { designatedRecords } from './designated-records.ts';
import type { Dns64Options } from '../local/dns64-stage.ts';
import type { LocalOptions } from '../local/local-stage.ts';
import type { Rewrite } from '../local/rewrites.ts';
import type { LocalRdata } from '../query/local-answer.ts';
import type { LocalData } from '../query/local-data.ts';

/** What the stage needs of the configuration. */
export function localOptions({ local, routes }: Config): LocalOptions {
  return {
    ...local,
    rewrites: local.rewrites.map(rewriteOf),
    routedSuffixes: routes.map(({ suffix }) => parseName(suffix)),
  };
}

export function dns64Options({ local }: Config): Dns64Options {
  return { enabled: local.dns64.enabled, prefix: parseNetwork(local.dns64.prefix) };
}

/**
 * The records of the configuration, and those that lead to the encrypted listeners.
 * @throws {ConfigInvalid} and names each that cannot be read
 */
export function localRecords({ local, listen }: Config): WrittenRecord[] {
  const problems: ConfigProblem[] = [];
  const records = local.records.flatMap((line, index) => {
    try {
      return [parseRecord(line)];
    } catch (error) {
      if (!(error instanceof HeimdallError)) throw error;
      const path = `local.records[${String(index)}]`;
      problems.push({ source: 'configuration', path, message: describeError(error) });
      return [];
    }
  });
  if (problems.length > 0) throw new ConfigInvalid(problems);
  return [...records, ...designatedRecords({ listen }).map(parseRecord)];
}

function rewriteOf({ name, match, to, addresses }: Config['local']['rewrites'][number]): Rewrite {
  return {
    name: parseName(name),
    isSuffix: match === 'suffix',
    to: to === undefined ? undefined : parseName(to),
    data: addressData(addresses),
  };
}

function addressData(addresses: readonly string[]): LocalData {
  const data = new Map<number, LocalRdata[]>();
  for (const text of addresses) {
    const scratch = Buffer.alloc(addressLengthMax);
    const octets = scratch.subarray(0, writeAddress(text, scratch));
    const type = octets.length === 4 ? recordType.A : recordType.AAAA;
    data.set(type, [...(data.get(type) ?? []), [{ octets }]]);
  }
  return data;
}
