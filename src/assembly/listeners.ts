import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Config } from '../config/schema.ts';
import { DgramUdpListener } from '../listen/dgram-udp-listener.ts';
import type { InheritedSocket } from '../listen/inherited-sockets.ts';
import { dnsOverTcp } from '../listen/stream-protocol.ts';
import { TcpListener } from '../listen/tcp-listener.ts';
import type { UdpListener } from '../listen/udp-listener.ts';
import type { CertificateFigures, Totals } from '../telemetry/figures.ts';
import { EncryptedListeners } from './encrypted-listeners.ts';
import type { EncryptedDependencies } from './encrypted-listeners.ts';
import type { UdpTransport } from './udp-transport.ts';

/** Times that a free TCP port is looked for when the port is 0 and UDP took one that TCP has not. */
const portTriesMax = 10;

/** All sockets that clients reach: UDP and TCP on every address. */
export class Listeners {
  readonly #udp: UdpListener[] = [];
  readonly #tcp: TcpListener[] = [];
  readonly #addresses: SocketAddress[] = [];
  #encrypted: EncryptedListeners | undefined;

  /**
   * @param origin where the sockets come from, where they are not opened for this process alone
   * @throws {ListenFailed} and leaves nothing open
   * @throws {CertificateRefused} and leaves nothing open
   */
  static async open(
    config: Config,
    transport: UdpTransport,
    dependencies: EncryptedDependencies,
    { sharedAddresses, inherited = [] }: SocketOrigin = {},
  ): Promise<Listeners> {
    const listeners = new Listeners();
    const addresses =
      sharedAddresses ?? config.listen.addresses.map((text) => parseSocketAddress(text, 0));
    const reusePort = sharedAddresses !== undefined;
    const parts = { config, transport, dependencies, reusePort };
    try {
      const ownKinds = inherited.filter(({ kind }) => kind === 'udp' || kind === 'tcp');
      for (const socket of ownKinds) await listeners.#openInherited(socket, parts);
      for (const address of ownKinds.length > 0 ? [] : addresses) {
        await listeners.#openBoth(address, addresses, parts);
      }
      const origin = { reusePort, inherited };
      listeners.#encrypted = await EncryptedListeners.open(config.listen, dependencies, origin);
    } catch (error) {
      await listeners.close();
      throw error;
    }
    return listeners;
  }

  /**
   * As they are: with the port that the system chose where 0 was asked for. Closed ones too: what
   * this replica tells the others last names them still.
   */
  get addresses(): readonly SocketAddress[] {
    return this.#addresses;
  }

  /** Open connections by transport. */
  connections(): Totals {
    const tcp = this.#tcp.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
    return { tcp, ...this.#encrypted?.connections() };
  }

  /** Undefined where nothing is encrypted. */
  certificate(): CertificateFigures | undefined {
    return this.#encrypted?.figures();
  }

  /** Where DNS over TLS or HTTPS is served. */
  encryptedAddresses(transport: 'tls' | 'https'): SocketAddress[] {
    return this.#encrypted?.addressesOf(transport) ?? [];
  }

  describe(): string[] {
    const clear = this.addresses.map((address) => `${formatAddress(address)} (UDP and TCP)`);
    return [...clear, ...(this.#encrypted?.describe() ?? [])];
  }

  /** No new connections; UDP goes on until {@link close}. */
  drain(): void {
    for (const listener of this.#tcp) listener.drain();
    this.#encrypted?.drain();
  }

  /** As {@link drain}, and leaves UDP to the other sockets of the port, as far as it can. */
  handOver(): void {
    this.drain();
    for (const listener of this.#udp) listener.handOver?.();
  }

  async close(): Promise<void> {
    const all = [...this.#udp, ...this.#tcp, ...(this.#encrypted ? [this.#encrypted] : [])];
    await Promise.all(all.map((listener) => listener.close()));
  }

  async #openInherited(
    { kind, address, descriptor }: InheritedSocket,
    { config, dependencies }: Parts,
  ): Promise<void> {
    const { udp, tcp, proxyProtocol } = config.listen;
    if (kind === 'udp') {
      const options = { ...udp, ipv6Only: false, descriptor };
      this.#udp.push(await DgramUdpListener.open(address, options, dependencies));
    } else {
      const options = { ...tcp, ipv6Only: false, proxiesFrom: proxyProtocol.from, descriptor };
      this.#tcp.push(await TcpListener.open(address, options, dependencies, dnsOverTcp));
    }
    const opened = kind === 'udp' ? this.#udp.at(-1) : this.#tcp.at(-1);
    const known = this.#addresses.map(formatAddress);
    if (opened !== undefined && !known.includes(formatAddress(opened.address))) {
      this.#addresses.push(opened.address);
    }
  }

  async #openBoth(
    address: SocketAddress,
    all: readonly SocketAddress[],
    { config, transport, dependencies, reusePort }: Parts,
  ): Promise<void> {
    const ipv6Only = all.some(({ host, port }) => !host.includes(':') && port === address.port);
    const udpOptions = { ...config.listen.udp, ipv6Only, reusePort };
    const proxiesFrom = config.listen.proxyProtocol.from;
    const tcpOptions = { ...config.listen.tcp, ipv6Only, reusePort, proxiesFrom };
    for (let triesLeft = portTriesMax; ; triesLeft--) {
      const udp = await transport.open(address, udpOptions, dependencies);
      try {
        this.#tcp.push(await TcpListener.open(udp.address, tcpOptions, dependencies, dnsOverTcp));
        this.#udp.push(udp);
        this.#addresses.push(udp.address);
        return;
      } catch (error) {
        await udp.close();
        if (address.port !== 0 || triesLeft <= 1) throw error;
      }
    }
  }
}

/** Where sockets come from. */
export interface SocketOrigin {
  /** In place of the configured addresses: sockets of other processes have them too. */
  readonly sharedAddresses?: readonly SocketAddress[];
  /** In place of those that would be opened for the same kind of service. */
  readonly inherited?: readonly InheritedSocket[];
}

interface Parts {
  readonly config: Config;
  readonly transport: UdpTransport;
  readonly dependencies: EncryptedDependencies;
  readonly reusePort: boolean;
}
