import { createSecureContext } from 'node:tls';
import { CertificateRefused } from '../base/errors.ts';

/**
 * Certificates of authorities in PEM, as they are: whether they can be used is found out before
 * anybody needs them.
 * @throws {CertificateRefused}
 */
export function readAuthority(pem: string): string {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CertificateRefused('there is no certificate in PEM in it');
  }
  try {
    createSecureContext({ ca: pem });
  } catch (error) {
    throw new CertificateRefused('its certificates cannot be read', { cause: error });
  }
  return pem;
}
