import { isIP } from 'node:net';
import { checkServerIdentity, connect, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { errorCode, ExchangeFailed } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import type { ServerAddress, ServerIdentity } from '../base/server-address.ts';
import { hasHashedCertificate, isPinned } from './certificate-check.ts';
import type { Dialled } from './dial.ts';
import type { KnownHost } from './options.ts';
import { reasonOf } from './system-failure.ts';

/** RFC 8310 section 9: nothing older may be used for DNS. */
const minVersion = 'TLSv1.2';

/** To whom, and what is spoken there (RFC 7858 section 3.1, RFC 9113 section 3.2). */
export interface TlsTarget {
  readonly address: ServerAddress;
  readonly identity: ServerIdentity;
  /** What the configuration says of its host. */
  readonly known: KnownHost | undefined;
  readonly protocol: 'dot' | 'h2';
}

/**
 * Opens TLS connections to one upstream, each resuming the session of the one before where the
 * server allows it. An upstream proves who it is by a certificate for its name from a known
 * authority, or by the key that it was pinned to (RFC 8310 section 8), then whatever else its
 * certificate says does not matter (RFC 7858 section 4.2).
 */
export class TlsDialer {
  readonly #target: TlsTarget;
  readonly #context: SecureContext;
  readonly #pins: readonly string[];
  #session: Buffer | undefined;

  constructor(target: TlsTarget) {
    this.#target = target;
    this.#pins = target.known?.pins ?? [];
    const ca = target.known?.certificateAuthority;
    this.#context = createSecureContext({ minVersion, ...(ca === undefined ? {} : { ca }) });
  }

  /** See `Dial`. */
  dial(ready: (isResumed: boolean) => void): Dialled {
    const socket = this.#connect();
    let session: Buffer | undefined;
    let isReady = false;
    socket.setNoDelay(true);
    // In TLS 1.2 it comes before the certificate is checked, and is kept only after that.
    socket.on('session', (told: Buffer) => {
      session = told;
      if (isReady) this.#session = told;
    });
    socket.on('secureConnect', () => {
      const refusal = this.#refusalOf(socket);
      if (refusal !== undefined) {
        socket.destroy(refusal);
        return;
      }
      isReady = true;
      this.#session = session ?? this.#session;
      ready(socket.isSessionReused());
    });
    // A session that the handshake failed with is not tried again.
    socket.on('error', () => (this.#session = isReady ? this.#session : undefined));
    return { socket, reasonOf: (error) => tlsReasonOf(error, socket) };
  }

  #connect(): TLSSocket {
    const { address, identity, protocol } = this.#target;
    return connect({
      host: address.host,
      port: address.port,
      // A name alone may stand in the TLS handshake (RFC 6066 section 3).
      servername: isIP(identity.name) === 0 ? identity.name : '',
      ALPNProtocols: [protocol],
      secureContext: this.#context,
      // A pinned key needs no authority; it is checked as soon as the handshake is done.
      rejectUnauthorized: this.#pins.length === 0,
      checkServerIdentity: (_, certificate) => this.#checkIdentity(certificate),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
  }

  /** Asked for each certificate that was sent; a resumed session stands for the one it began with. */
  #checkIdentity(certificate: PeerCertificate): Error | undefined {
    const { name, certificateHashes } = this.#target.identity;
    const wrongName = checkServerIdentity(name, certificate);
    if (wrongName !== undefined || certificateHashes.length === 0) return wrongName;
    if (hasHashedCertificate(certificate, certificateHashes)) return undefined;
    return new Error('no certificate of its chain is the one that its stamp names');
  }

  #refusalOf(socket: TLSSocket): ExchangeFailed | undefined {
    const { protocol } = this.#target;
    // A DoT server need not know the name of its protocol; without h2 there is no HTTP/2.
    if (protocol === 'h2' && socket.alpnProtocol !== 'h2') {
      return new ExchangeFailed('protocol', 'it does not speak HTTP/2');
    }
    // A session is only resumed if it began with a certificate that passed.
    if (this.#pins.length === 0 || socket.isSessionReused()) return undefined;
    const certificate = socket.getPeerX509Certificate();
    if (certificate !== undefined && isPinned(certificate, this.#pins)) return undefined;
    return new ExchangeFailed(
      'certificate',
      'the key of its certificate is not one that is pinned',
    );
  }
}

function tlsReasonOf(error: Error, socket: TLSSocket): ExchangeFailure {
  if (error instanceof ExchangeFailed) return error.reason;
  // Set for what was refused by the check of the certificate; with a pin it may be set for nothing.
  const refusedFor: unknown = socket.authorizationError;
  if (refusedFor !== undefined && refusedFor !== null && !socket.authorized) {
    const code = errorCode(error);
    if (code === undefined || code === refusedFor) return 'certificate';
  }
  if (/^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(errorCode(error) ?? '')) return 'protocol';
  return reasonOf(error);
}
