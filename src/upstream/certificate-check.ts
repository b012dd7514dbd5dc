import { createHash } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import { byteAt } from '../base/bytes.ts';

/** No chain is longer; one that leads back to itself ends. */
const chainMax = 10;

/** `sha256/` and the digest of the public key, SubjectPublicKeyInfo in DER, in base64 (RFC 7858 section 4.2). */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(key).digest('base64')}`;
}

/**
 * Whether the certificate's own key is pinned. Not one further up its chain: without an authority
 * that was checked anybody can send somebody else's certificate along.
 */
export function isPinned(certificate: X509Certificate, pins: readonly string[]): boolean {
  return pins.includes(pinOf(certificate));
}

/** Whether a certificate of the chain has one of these digests of its signed part, in hex. */
export function hasHashedCertificate(
  certificate: PeerCertificate | DetailedPeerCertificate,
  hashes: readonly string[],
): boolean {
  let current: PeerCertificate | DetailedPeerCertificate | undefined = certificate;
  for (let depth = 0; current !== undefined && depth < chainMax; depth++) {
    if (hashes.includes(signedPartHash(current.raw))) return true;
    current = 'issuerCertificate' in current ? current.issuerCertificate : undefined;
  }
  return false;
}

/**
 * SHA-256, in hex, of the TBSCertificate: the first element in the SEQUENCE that a certificate is
 * (RFC 5280 section 4.1).
 */
export function signedPartHash(der: Buffer): string {
  const [start] = elementAt(der, 0);
  const [content, length] = elementAt(der, start);
  return createHash('sha256')
    .update(der.subarray(start, content + length))
    .digest('hex');
}

/** Where the content of the DER element at `at` begins, and how long it is. */
function elementAt(der: Buffer, at: number): [content: number, length: number] {
  const first = byteAt(der, at + 1);
  if (first < 0x80) return [at + 2, first];
  const lengthOctets = first & 0x7f;
  return [at + 2 + lengthOctets, der.readUIntBE(at + 2, lengthOctets)];
}
