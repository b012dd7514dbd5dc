import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import { repeat } from '../base/clock.ts';
import type { Timer } from '../base/clock.ts';
import type { Config } from '../config/schema.ts';
import { certificateState, readCertificate } from '../listen/certificate.ts';
import type { Certificate, CertificateFiles } from '../listen/certificate.ts';
import { DnsOverHttps, DnsOverPlainHttp, DnsOverTls } from '../listen/encrypted-protocols.ts';
import type { StreamProtocol } from '../listen/stream-protocol.ts';
import { TcpListener } from '../listen/tcp-listener.ts';
import type { ListenerDependencies } from '../listen/udp-listener.ts';
import type { CertificateFigures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';

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
  readonly #reloads: ResultCounter;
  #files: CertificateFiles | undefined;
  #filesState = '';
  #expiresAtWallMs: number | undefined;
  #timer: Timer | undefined;

  private constructor(config: Config['listen'], dependencies: EncryptedDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#reloads = new ResultCounter(dependencies.clock);
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
    if (this.#expiresAtWallMs === undefined) return undefined;
    return {
      expiresAtWallMs: this.#expiresAtWallMs,
      reloads: Object.fromEntries(this.#reloads.results.entries()),
    };
  }

  drain(): void {
    for (const listener of this.#listeners) listener.drain();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  async #open(reusePort: boolean): Promise<void> {
    const { tls, https, certificate } = this.#config;
    const isEncrypted = tls.addresses.length > 0 || (https.addresses.length > 0 && !https.plain);
    const { file, keyFile } = certificate;
    if (isEncrypted && file !== undefined && keyFile !== undefined) {
      this.#files = { certificateFile: file, keyFile };
      this.#filesState = await certificateState(this.#files);
      await this.#listen(await this.#read(this.#files), reusePort);
      this.#watch(certificate.reloadIntervalMs);
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

  async #read(files: CertificateFiles): Promise<Certificate> {
    const certificate = await readCertificate(files);
    this.#expiresAtWallMs = certificate.expiresAtWallMs;
    return certificate;
  }

  #watch(intervalMs: number): void {
    if (intervalMs === 0) return;
    this.#timer = repeat(this.#dependencies.clock, intervalMs, () => void this.#reloadIfChanged());
  }

  /** Never rejects: a certificate that cannot be used leaves the one in use. */
  async #reloadIfChanged(): Promise<void> {
    const { log } = this.#dependencies;
    const files = this.#files;
    if (files === undefined) return;
    const state = await certificateState(files);
    if (state === this.#filesState) return;
    try {
      const certificate = await this.#read(files);
      for (const protocol of this.#protocols) protocol.replaceCertificate(certificate);
      this.#filesState = state;
      this.#reloads.succeeded();
      log.info('certificate replaced', { file: files.certificateFile });
    } catch (error) {
      this.#filesState = state; // the next change may be the one that completes the pair
      this.#reloads.failed();
      log.error('certificate not replaced: the one in use stays', { error });
    }
  }
}
