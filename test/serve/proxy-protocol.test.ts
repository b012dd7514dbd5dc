import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { UdpClient } from '../support/dns-clients.ts';
import { startDnsdist } from '../support/dnsdist.ts';
import type { Dnsdist } from '../support/dnsdist.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';

let certificate: TestCertificate;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let dnsdist: Dnsdist;

beforeAll(async () => {
  certificate = await makeCertificate();
  upstream = await ScriptedUpstream.start();
  replica = await startReplica({
    upstreams: [upstream.text],
    set: {
      'listen.proxyProtocol.from': '127.0.0.1',
      'log.queries.enabled': 'true',
      'log.queries.clients': 'full',
    },
  });
  dnsdist = await startDnsdist(formatAddress(replica.address), certificate, 'proxied');
});

afterAll(async () => {
  await dnsdist.stop();
  await replica.stop();
  await Promise.all([upstream.stop(), certificate.remove()]);
});

test('the clients of a dnsdist are seen as themselves', async () => {
  for (const host of ['127.0.0.5', '127.0.0.6']) {
    const client = new UdpClient(dnsdist.plain, host);
    const response = readMessage(await client.ask(encodeQuery({ name: `from-${host}.example` })));
    await client.close();
    expect(response).toMatchObject({ code: 0 });
    const lines = replica.log().split('\n');
    const line = lines.find((one) => one.includes(`from-${host}.example`));
    expect(line).toContain(`"${host}`);
    expect(line).toContain('tcp');
  }
});
