import { webcrypto } from 'node:crypto';

/** SHA-256 in hexadecimal, worked out beside the event loop: megabytes hold up nobody. */
export async function sha256Hex(octets: Buffer<ArrayBuffer>): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', octets)).toString('hex');
}
