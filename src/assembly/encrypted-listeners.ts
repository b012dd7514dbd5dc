import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import { ListenFailed } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Certificate } from '../listen/certificate.ts';
import { DnsOverHttps, DnsOverPlainHttp, DnsOverTls } from '../listen/encrypted-protocols.ts';
import type { InheritedSocket } from '../listen/inherited-sockets.ts';
import type { StreamProtocol } from '../listen/stream-protocol.ts';
import { TcpListener } from '../listen/tcp-listener.ts';
import type { ListenerDependencies } from '../listen/udp-listener.ts';
import type { CertificateFigures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { WatchedCertificate } from './watched-certificate.ts';

export interface EncryptedDependencies extends ListenerDependencies {
  readonly log: Log;
}

/** The protocols that show a certificate. */
type WithCertificate = DnsOverTls | DnsOverHttps;

/** Where its sockets come from. */
export interface EncryptedOrigin {
  readonly reusePort: boolean;
  readonly inherited: readonly InheritedSocket[];
}

/** The sockets for DNS over TLS and HTTPS, and their certificate, which follows its files. */
export class EncryptedListeners {
  readonly #listeners: TcpListener[] = [];
  readonly #protocols: WithCertificate[] = [];
  readonly #dependencies: EncryptedDependencies;
  readonly #config: Config['listen'];
  readonly #inherited: readonly InheritedSocket[];
  #certificate: WatchedCertificate | undefined;

  private constructor(
    config: Config['listen'],
    dependencies: EncryptedDependencies,
    inherited: readonly InheritedSocket[],
  ) {
    this.#inherited = inherited;
    this.#config = config;
    this.#dependencies = dependencies;
  }

  /**
   * Opens what is configured, which may be nothing.
   * @throws {ListenFailed} and leaves nothing open
   * @throws {CertificateRefused} and leaves nothing open
   */
  static async open(
    config: Config['listen'],
    dependencies: EncryptedDependencies,
    { reusePort, inherited }: EncryptedOrigin,
  ): Promise<EncryptedListeners> {
    const opened = new EncryptedListeners(config, dependencies, inherited);
    try {
      await opened.#open(reusePort);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** Where each protocol is served, as people read it. */
  describe(): string[] {
    return this.#listeners.map(
      ({ address, transport }) => `${formatAddress(address)} (${transport.toUpperCase()})`,
    );
  }

  addressesOf(transport: 'tls' | 'https'): SocketAddress[] {
    return this.#listeners
      .filter((listener) => listener.transport === transport)
      .map(({ address }) => address);
  }

  /** Open connections by transport. */
  connections(): Record<'tls' | 'https', number> {
    const of = (transport: string): number =>
      this.#listeners
        .filter((listener) => listener.transport === transport)
        .reduce((sum, { connectionCount }) => sum + connectionCount, 0);
    return { tls: of('tls'), https: of('https') };
  }

  /** Undefined where there is no certificate. */
  figures(): CertificateFigures | undefined {
    return this.#certificate?.figures();
  }

  drain(): void {
    for (const listener of this.#listeners) listener.drain();
  }

  async close(): Promise<void> {
    this.#certificate?.stop();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  async #open(reusePort: boolean): Promise<void> {
    const { tls, https, certificate } = this.#config;
    const has = (kind: 'tls' | 'https', addresses: readonly string[]): boolean =>
      addresses.length > 0 || this.#inherited.some((socket) => socket.kind === kind);
    const hasHttps = has('https', https.addresses);
    const isEncrypted = has('tls', tls.addresses) || (hasHttps && !https.plain);
    const { file, keyFile } = certificate;
    if (isEncrypted && file !== undefined && keyFile !== undefined) {
      const files = { certificateFile: file, keyFile };
      const watched = await WatchedCertificate.read(files, this.#dependencies);
      this.#certificate = watched;
      await this.#listen(watched.current, reusePort);
      watched.watch(certificate.reloadIntervalMs, (current) => {
        for (const protocol of this.#protocols) protocol.replaceCertificate(current);
      });
    } else if (isEncrypted) {
      throw new ListenFailed('inherited sockets for TLS or HTTPS need listen.certificate');
    } else if (https.plain) {
      await this.#openAll('https', () => new DnsOverPlainHttp(https.path), reusePort);
    }
  }

  async #listen(certificate: Certificate, reusePort: boolean): Promise<void> {
    const { https } = this.#config;
    const keep = <P extends WithCertificate>(protocol: P): P => {
      this.#protocols.push(protocol);
      return protocol;
    };
    await this.#openAll('tls', () => keep(new DnsOverTls(certificate)), reusePort);
    const overHttps = (): StreamProtocol =>
      https.plain
        ? new DnsOverPlainHttp(https.path)
        : keep(new DnsOverHttps(certificate, https.path));
    await this.#openAll('https', overHttps, reusePort);
  }

  async #openAll(
    kind: 'tls' | 'https',
    protocol: () => StreamProtocol,
    reusePort: boolean,
  ): Promise<void> {
    const proxiesFrom = this.#config.proxyProtocol.from;
    const sockets = this.#inherited.filter((socket) => socket.kind === kind);
    for (const { address, descriptor } of sockets) {
      const options = { ...this.#config.tcp, ipv6Only: false, proxiesFrom, descriptor };
      await this.#listenOn(address, options, protocol());
    }
    const addresses = sockets.length > 0 ? [] : this.#config[kind].addresses;
    for (const text of addresses) {
      const address = parseSocketAddress(text, 0);
      const ipv6Only = addresses.some((other) => parseSocketAddress(other, 0).host === '0.0.0.0');
      const options = { ...this.#config.tcp, ipv6Only, reusePort, proxiesFrom };
      await this.#listenOn(address, options, protocol());
    }
  }

  async #listenOn(
    address: SocketAddress,
    options: Parameters<typeof TcpListener.open>[1],
    protocol: StreamProtocol,
  ): Promise<void> {
    this.#listeners.push(await TcpListener.open(address, options, this.#dependencies, protocol));
  }
}
