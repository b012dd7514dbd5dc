import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Config } from '../config/schema.ts';
import { checkAddress, checkTcpAddress } from '../listen/address-check.ts';

/** Where all workers of a pod listen: what is configured, with the ports that were free where it says 0. */
export interface SharedAddresses {
  /** UDP and TCP. */
  readonly clear: readonly SocketAddress[];
  readonly tls: readonly SocketAddress[];
  readonly https: readonly SocketAddress[];
}

/** Addresses that are in use, and what they were found for. */
export interface FoundAddresses {
  readonly config: Config;
  readonly addresses: SharedAddresses;
}

/**
 * Those that are in use already, and for the others what is free.
 * @throws {ListenFailed} when another program has one of them
 */
export async function findAddresses(
  { listen }: Config,
  inUse: FoundAddresses | undefined,
): Promise<SharedAddresses> {
  const old = inUse?.config.listen;
  return {
    clear: await find(
      listen.addresses,
      known(old?.addresses, inUse?.addresses.clear),
      checkAddress,
    ),
    tls: await find(
      listen.tls.addresses,
      known(old?.tls.addresses, inUse?.addresses.tls),
      checkTcpAddress,
    ),
    https: await find(
      listen.https.addresses,
      known(old?.https.addresses, inUse?.addresses.https),
      checkTcpAddress,
    ),
  };
}

/** The configuration of a worker, whose encrypted sockets are on these addresses. */
export function withAddresses(config: Config, { tls, https }: SharedAddresses): Config {
  const { listen } = config;
  return {
    ...config,
    listen: {
      ...listen,
      tls: { ...listen.tls, addresses: tls.map(formatAddress) },
      https: { ...listen.https, addresses: https.map(formatAddress) },
    },
  };
}

type Known = readonly (readonly [text: string, address: SocketAddress])[];

function known(texts: readonly string[] = [], addresses: readonly SocketAddress[] = []): Known {
  return addresses.map((address, index) => [texts[index] ?? '', address]);
}

/** One with the port 0 is another one for each place in the list. */
async function find(
  texts: readonly string[],
  inUse: Known,
  check: (address: SocketAddress) => Promise<SocketAddress>,
): Promise<SocketAddress[]> {
  const found: SocketAddress[] = [];
  for (const [index, text] of texts.entries()) {
    const match = inUse.find(
      ([other], place) => other === text && (place === index || !text.endsWith(':0')),
    );
    found.push(match?.[1] ?? (await check(parseSocketAddress(text, 0))));
  }
  return found;
}
