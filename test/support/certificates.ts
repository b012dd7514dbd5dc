import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

/** The same with a validity that ended long ago; `openssl req` makes none. */
export async function makeExpiredCertificate(name = 'resolver.example'): Promise<TestCertificate> {
  const made = await makeCertificate(name);
  const { certificateFile, keyFile } = made;
  const directory = dirname(certificateFile);
  const at = (file: string): string => join(directory, file);
  await writeFile(at('index.txt'), '');
  await writeFile(
    at('ca.conf'),
    `[ca]
default_ca = own
[own]
database = ${at('index.txt')}
new_certs_dir = ${directory}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:${name},IP:127.0.0.1
`,
  );
  // prettier-ignore
  await run('openssl', [
    'req', '-new', '-key', keyFile, '-subj', `/CN=${name}`, '-out', at('request.pem'),
  ]);
  // prettier-ignore
  await run('openssl', [
    'ca', '-batch', '-selfsign', '-config', at('ca.conf'), '-keyfile', keyFile, '-notext',
    '-startdate', '20200101000000Z', '-enddate', '20200201000000Z',
    '-in', at('request.pem'), '-out', certificateFile,
  ]);
  return { ...made, cert: await readFile(certificateFile) };
}
