import { byteAt } from '../base/bytes.ts';
import { recordType, responseCode } from '../dns/codes.ts';
import type { Layer } from './outcome.ts';
import type { Transport } from './query.ts';

/** The transports in the order of their index in {@link QueryCounters}. */
export const transports: readonly Transport[] = ['udp', 'tcp', 'tls', 'https'];
/** The layers in the order of their index. */
export const layers: readonly Layer[] = [
  'l1',
  'stale',
  'l2',
  'upstream',
  'local',
  'admit',
  'failure',
  'filter',
];
/** Index of {@link layers}: the layer of the hot path. */
export const layerL1 = 0;

/** The types counted by name; all others are counted as one, so that a label set stays bounded. */
export const countedTypes: readonly number[] = [
  recordType.A,
  recordType.AAAA,
  recordType.PTR,
  recordType.SRV,
  recordType.CNAME,
  recordType.MX,
  16, // TXT
  recordType.NS,
  recordType.SOA,
  65, // HTTPS
  64, // SVCB
  recordType.DS,
  48, // DNSKEY
  recordType.NAPTR,
  257, // CAA
  recordType.ANY,
];
/** Index behind the last counted type: every other type. */
export const typeOther = countedTypes.length;

/** Response codes by number up to BADCOOKIE, the highest in use; all beyond it are counted as that. */
export const countedCodes = responseCode.BADCOOKIE + 1;

/** Upper bounds in seconds of the duration histogram: from a hit in memory to the whole query budget. */
export const durationBoundsSeconds: readonly number[] = [
  0.000_025, 0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
  0.5, 1, 2.5, 5,
];

const typeIndexes = new Uint8Array(0x1_0000).fill(typeOther);
countedTypes.forEach((type, index) => {
  typeIndexes[type] = index;
});

function add(cells: Float64Array, index: number, amount: number): void {
  cells[index] = (cells[index] ?? 0) + amount;
}

/**
 * What is counted of every query, as plain numbers: written by the hot path and by the observing
 * stage, read when somebody scrapes. One cell per series.
 */
export class QueryCounters {
  /** [transport][type] */
  readonly queries = new Float64Array(transports.length * (typeOther + 1));
  /** [transport][code] */
  readonly responses = new Float64Array(transports.length * countedCodes);
  /** [layer][bucket]; the last bucket is +Inf. Not cumulative. */
  readonly durationBuckets = new Float64Array(layers.length * (durationBoundsSeconds.length + 1));
  /** [layer], in seconds */
  readonly durationSums = new Float64Array(layers.length);

  /** A query of a type, before anything is known of its answer. */
  countQuery(transportIndex: number, type: number): void {
    add(this.queries, transportIndex * (typeOther + 1) + byteAt(typeIndexes, type), 1);
  }

  /** A response sent. */
  countResponse(transportIndex: number, code: number): void {
    add(this.responses, transportIndex * countedCodes + Math.min(code, countedCodes - 1), 1);
  }

  /** The time from arrival to response, of so many queries. */
  observeDuration(layerIndex: number, seconds: number, count = 1): void {
    let bucket = 0;
    while (
      bucket < durationBoundsSeconds.length &&
      seconds > (durationBoundsSeconds[bucket] ?? 0)
    ) {
      bucket++;
    }
    add(this.durationBuckets, layerIndex * (durationBoundsSeconds.length + 1) + bucket, count);
    add(this.durationSums, layerIndex, seconds * count);
  }
}
