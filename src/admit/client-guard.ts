import { isMappedIPv4 } from '../base/address-bytes.ts';
import { parseNetwork } from '../base/network.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import type { Transport } from '../query/query.ts';
import { AddressSet } from '../base/address-set.ts';
import { RateLimit } from './rate-limit.ts';
import type { Demand, RateLimitPolicy } from './rate-limit.ts';

export interface ClientPolicy {
  /** Networks whose clients may ask. */
  readonly allow: readonly string[];
  /** Networks within those whose clients may not. */
  readonly deny: readonly string[];
  readonly rateLimit: RateLimitPolicy & {
    readonly enabled: boolean;
    /** Of the queries beyond the limit every so many gets a truncated answer; 0: none. */
    readonly slip: number;
    /** Networks without a limit. */
    readonly exempt: readonly string[];
    readonly clientsMax: number;
    /** What a client with a server cookie may send beyond that: so many times as much. */
    readonly verifiedFactor: number;
    /** Whether the budget is one for all replicas of a grid. */
    readonly inCluster: boolean;
  };
}

/**
 * Who may ask, and how much: the access list over every transport, the rate limit over UDP, where
 * the sender may be forged; connections have limits of their own. Costs look-ups in arrays of
 * numbers, no allocation.
 */
export class ClientGuard {
  readonly #limit: RateLimit;
  readonly #seed: number;
  #policy: ClientPolicy['rateLimit'];
  /** Made when the first client needs it: most never do. */
  #verifiedLimit: RateLimit | undefined;
  #allowed = new AddressSet([]);
  #denied = new AddressSet([]);
  #exempt = new AddressSet([]);
  #isLimited = false;
  #slip = 0;
  #sinceSlip = 0;

  /** @param seed 32 bits of chance */
  constructor(policy: ClientPolicy, seed: number) {
    this.#limit = new RateLimit(policy.rateLimit, policy.rateLimit.clientsMax, seed);
    this.#seed = seed;
    this.#policy = policy.rateLimit;
    this.setPolicy(policy);
  }

  /** Takes over another policy; the size of the table stays. */
  setPolicy({ allow, deny, rateLimit }: ClientPolicy): void {
    this.#allowed = new AddressSet(allow.map(parseNetwork));
    this.#denied = new AddressSet(deny.map(parseNetwork));
    this.#exempt = new AddressSet(rateLimit.exempt.map(parseNetwork));
    this.#isLimited = rateLimit.enabled;
    this.#slip = rateLimit.slip;
    this.#policy = rateLimit;
    this.#limit.setPolicy(rateLimit);
    this.#verifiedLimit?.setPolicy(verifiedPolicy(rateLimit));
  }

  /** See `ClientGate` in the listener's room. An address that cannot be read is not served. */
  // oxlint-disable-next-line max-params -- hot path: an object for the arguments is garbage per query
  judge(
    transport: Transport,
    bytes: Uint8Array,
    addressAt: number,
    addressLength: number,
    nowMs: number,
  ): ClientVerdict {
    if (addressLength === 0) return clientVerdict.refuse;
    const isMapped = addressLength === 16 && isMappedIPv4(bytes, addressAt);
    const at = isMapped ? addressAt + 12 : addressAt;
    const length = isMapped ? 4 : addressLength;
    if (!this.#allowed.has(bytes, at, length) || this.#denied.has(bytes, at, length)) {
      return clientVerdict.refuse;
    }
    if (!this.#isLimited || transport !== 'udp') return clientVerdict.serve;
    if (this.#exempt.has(bytes, at, length)) return clientVerdict.serve;
    return this.#limit.take(bytes, at, length, nowMs) ? clientVerdict.serve : this.#turnAway();
  }

  /** See `VerifiedClients` in the listener's room: beyond its budget a known sender has another one. */
  admitsVerified(bytes: Uint8Array, at: number, length: number, nowMs: number): boolean {
    const { clientsMax } = this.#policy;
    this.#verifiedLimit ??= new RateLimit(verifiedPolicy(this.#policy), clientsMax, this.#seed);
    const isMapped = length === 16 && isMappedIPv4(bytes, at);
    return this.#verifiedLimit.take(bytes, isMapped ? at + 12 : at, isMapped ? 4 : length, nowMs);
  }

  /** What the busiest clients asked here since the last call; nothing where budgets are not shared. */
  takeDemand(elapsedMs: number, prefixesMax: number): Demand[] {
    const { enabled, inCluster } = this.#policy;
    return enabled && inCluster ? this.#limit.takeDemand(elapsedMs, prefixesMax) : [];
  }

  /**
   * Leaves each client told last what of its budget falls to this replica, by what it asks at others:
   * so much of it as is asked here, where it asks more than its budget in all.
   */
  setDemandElsewhere(own: readonly Demand[], elsewhere: ReadonlyMap<string, number>): void {
    const budget = this.#policy.queriesPerSecond;
    const shares = own.map(({ prefix, queriesPerSecond }): [string, number] => {
      const total = queriesPerSecond + (elsewhere.get(prefix) ?? 0);
      return [prefix, total > budget ? queriesPerSecond / total : 1];
    });
    this.#limit.setShares(new Map(shares));
  }

  #turnAway(): ClientVerdict {
    this.#sinceSlip++;
    if (this.#slip === 0 || this.#sinceSlip < this.#slip) return clientVerdict.drop;
    this.#sinceSlip = 0;
    return clientVerdict.truncate;
  }
}

function verifiedPolicy(policy: ClientPolicy['rateLimit']): RateLimitPolicy {
  const { queriesPerSecond, burst, verifiedFactor } = policy;
  return {
    ...policy,
    queriesPerSecond: queriesPerSecond * verifiedFactor,
    burst: burst * verifiedFactor,
  };
}
