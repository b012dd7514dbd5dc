import { addressLengthMax, isMappedIPv4, writeAddress } from '../base/address-bytes.ts';
import type { SocketAddress } from '../base/address.ts';
import { isPrivateAddress } from '../base/private-addresses.ts';
import {
  clientSubnetOption,
  readClientSubnet,
  shortenSubnet,
  subnetFamily,
} from '../dns/client-subnet.ts';
import type { ClientSubnet, SubnetLimits } from '../dns/client-subnet.ts';
import { encodeKey, keyText } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';

export interface SubnetPolicy extends SubnetLimits {
  /** Tell upstreams nothing, what clients say of themselves, or else their address. */
  readonly policy: 'remove' | 'forward' | 'add';
}

/** Questions on behalf of a subnet, by where it came from. */
export type SubnetUse = 'forwarded' | 'added' | 'forbidden';

/**
 * On whose behalf upstreams are asked (RFC 7871): the subnet becomes part of the question's key, so
 * that everything below (L1, flight, L2, lease) keeps the answers of subnets apart by itself, and
 * `forward` finds there what to tell.
 */
export class SubnetStage implements Stage {
  readonly name = 'subnet';
  readonly counts: Record<SubnetUse, number> = { forwarded: 0, added: 0, forbidden: 0 };
  #policy: SubnetPolicy;

  constructor(policy: SubnetPolicy) {
    this.#policy = policy;
  }

  setPolicy(policy: SubnetPolicy): void {
    this.#policy = policy;
  }

  /** Whether an answer depends on the address of the client, which the hot path does not know. */
  get dependsOnAddress(): boolean {
    return this.#policy.policy === 'add';
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    const isOn = this.#policy.policy !== 'remove' && query.purpose === 'client';
    const clientSubnet = isOn ? this.#subnetOf(query) : undefined;
    if (clientSubnet === undefined) return next(query);
    const flags = { ...query.flags, clientSubnet };
    const key = encodeKey(query.question, flags);
    return next({ ...query, flags, key, keyText: keyText(key) });
  }

  #subnetOf({ edns, client }: Query): ClientSubnet | undefined {
    const option = clientSubnetOption(edns?.options ?? []);
    const told = option === undefined ? undefined : readClientSubnet(option.data);
    if (told !== undefined) {
      this.counts[told.sourceBits === 0 ? 'forbidden' : 'forwarded']++;
      return shortenSubnet(told, this.#policy);
    }
    const own = this.dependsOnAddress ? publicAddress(client) : undefined;
    if (own === undefined) return undefined;
    this.counts.added++;
    return shortenSubnet(own, this.#policy);
  }
}

/** All bits of an address; undefined for one that means nothing to an upstream (section 11.3). */
function publicAddress({ host }: SocketAddress): ClientSubnet | undefined {
  const octets = Buffer.alloc(addressLengthMax);
  const length = writeAddress(host, octets);
  if (length === 0 || isPrivateAddress(octets, 0, length)) return undefined;
  if (length === addressLengthMax && !isMappedIPv4(octets, 0)) {
    return { family: subnetFamily.IPv6, sourceBits: 128, address: octets };
  }
  const address = length === 4 ? octets.subarray(0, 4) : octets.subarray(addressLengthMax - 4);
  return { family: subnetFamily.IPv4, sourceBits: 32, address };
}
