import { BoundedMap } from '../base/bounded-map.ts';
import { byteAt } from '../base/bytes.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { Peer } from '../datagram/send-queue.ts';
import { nameBytesMax, writeName } from '../datagram/socket-name.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';

/** An upstream as sockets see it. */
export interface PoolPeer {
  readonly server: ServerAddress;
  /** Its address as the kernel writes it. */
  readonly name: Peer;
}

/** More upstreams than any configuration has; one that was forgotten is encoded anew. */
const peersMax = 1024;

/** The upstreams that were asked, by the object that stands for their address and by its octets. */
export class PoolPeers {
  readonly #calls: SystemCalls;
  readonly #byAddress = new WeakMap<ServerAddress, PoolPeer>();
  readonly #byName = new BoundedMap<string, PoolPeer>(peersMax);

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  /** @throws {MalformedAddress} where there is no interface of the zone in the address */
  of(server: ServerAddress): PoolPeer {
    const known = this.#byAddress.get(server);
    if (known !== undefined) return known;
    const name = Buffer.alloc(nameBytesMax);
    writeName(server, name, 0, (zone) => this.#calls.interfaceNumber(zone));
    const peer = { server, name };
    this.#byAddress.set(server, peer);
    this.#byName.set(name.toString('latin1'), peer);
    return peer;
  }

  /** Which of them has the name at `bytes[start]`. */
  find(bytes: Buffer, start: number): PoolPeer | undefined {
    return this.#byName.get(bytes.toString('latin1', start, start + nameBytesMax));
  }
}

/** Whether the name at `bytes[start]` is that of the peer. */
export function isNameOf({ name }: PoolPeer, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < name.length; at++) {
    if (byteAt(bytes, start + at) !== byteAt(name, at)) return false;
  }
  return true;
}
