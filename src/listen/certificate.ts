import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { CertificateRefused, describeError } from '../base/errors.ts';

/** Where certificate and key of a listener are. */
export interface CertificateFiles {
  /** PEM: the certificate of the server, then those that lead to its root. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Octets of both, as `tls` takes them. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** When it ends: Unix time in milliseconds. */
  readonly expiresAtWallMs: number;
}

/**
 * Reads a pair and makes sure that it belongs together.
 * @throws {CertificateRefused} with the file and the reason
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const { certificateFile, keyFile } = files;
  try {
    const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
    createSecureContext({ cert, key });
    return { cert, key, expiresAtWallMs: Date.parse(new X509Certificate(cert).validTo) };
  } catch (error) {
    throw new CertificateRefused(
      `${certificateFile} with ${keyFile} is no certificate: ${describeError(error)}`,
      { cause: error },
    );
  }
}

/** What a change of the files is noticed by; a file that is missing is a change as well. */
export async function certificateState(files: CertificateFiles): Promise<string> {
  const states = await Promise.all(
    [files.certificateFile, files.keyFile].map(async (path) => {
      try {
        const { ino, size, mtimeMs } = await stat(path);
        return [ino, size, mtimeMs];
      } catch {
        return [];
      }
    }),
  );
  return JSON.stringify(states);
}
