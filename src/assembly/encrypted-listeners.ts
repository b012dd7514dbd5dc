import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Config } from '../config/schema.ts';
import type { Certificate } from '../listen/certificate.ts';
import { DnsOverHttps, DnsOverPlainHttp, DnsOverTls } from '../listen/encrypted-protocols.ts';
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

/** The sockets for DNS over TLS and HTTPS, and their certificate, which follows its files. */
export class EncryptedListeners {
  readonly #listeners: TcpListener[] = [];
  readonly #protocols: WithCertificate[] = [];
  readonly #dependencies: EncryptedDependencies;
  readonly #config: Config['listen'];
  #certificate: WatchedCertificate | undefined;

  private constructor(config: Config['listen'], dependencies: EncryptedDependencies) {
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
    reusePort: boolean,
  ): Promise<EncryptedListeners> {
    const opened = new EncryptedListeners(config, dependencies);
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
    const isEncrypted = tls.addresses.length > 0 || (https.addresses.length > 0 && !https.plain);
    const { file, keyFile } = certificate;
    if (isEncrypted && file !== undefined && keyFile !== undefined) {
      const files = { certificateFile: file, keyFile };
      const watched = await WatchedCertificate.read(files, this.#dependencies);
      this.#certificate = watched;
      await this.#listen(watched.current, reusePort);
      watched.watch(certificate.reloadIntervalMs, (current) => {
        for (const protocol of this.#protocols) protocol.replaceCertificate(current);
      });
    } else if (https.plain) {
      await this.#openAll(https.addresses, () => new DnsOverPlainHttp(https.path), reusePort);
    }
  }

  async #listen(certificate: Certificate, reusePort: boolean): Promise<void> {
    const { tls, https } = this.#config;
    const keep = <P extends WithCertificate>(protocol: P): P => {
      this.#protocols.push(protocol);
      return protocol;
    };
    await this.#openAll(tls.addresses, () => keep(new DnsOverTls(certificate)), reusePort);
    const overHttps = (): StreamProtocol =>
      https.plain
        ? new DnsOverPlainHttp(https.path)
        : keep(new DnsOverHttps(certificate, https.path));
    await this.#openAll(https.addresses, overHttps, reusePort);
  }

  async #openAll(
    addresses: readonly string[],
    protocol: () => StreamProtocol,
    reusePort: boolean,
  ): Promise<void> {
    for (const text of addresses) {
      const address = parseSocketAddress(text, 0);
      const ipv6Only = addresses.some((other) => parseSocketAddress(other, 0).host === '0.0.0.0');
      const proxiesFrom = this.#config.proxyProtocol.from;
      const options = { ...this.#config.tcp, ipv6Only, reusePort, proxiesFrom };
      this.#listeners.push(
        await TcpListener.open(address, options, this.#dependencies, protocol()),
      );
    }
  }
}
