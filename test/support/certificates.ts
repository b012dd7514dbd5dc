import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate of its own authority, for a name and for loopback, in files. */
export interface TestCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The same in memory. */
  readonly cert: Buffer;
  readonly key: Buffer;
  remove(): Promise<void>;
}

/** Makes a certificate for `name`, 127.0.0.1 and ::1 that is good for a day. */
export async function makeCertificate(name = 'resolver.example'): Promise<TestCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'heimdall-certificate-'));
  const certificateFile = join(directory, 'tls.crt');
  const keyFile = join(directory, 'tls.key');
  // prettier-ignore
  await run('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name},IP:127.0.0.1,IP:::1`,
    '-keyout', keyFile, '-out', certificateFile,
  ]);
  const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  return { certificateFile, keyFile, cert, key, remove };
}
