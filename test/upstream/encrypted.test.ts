import { X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { pinOf, signedPartHash } from '../../src/upstream/certificate-check.ts';
import type { KnownHost, UpstreamOptions } from '../../src/upstream/options.ts';
import { makeCertificate, makeExpiredCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { EncryptedUpstream } from '../support/encrypted-upstream.ts';
import { encodeStamp } from '../support/stamps.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { answersOf, ask, optionsWith, queryFor, realWorld } from './fixtures.ts';

const name = 'resolver.example';
let certificate: TestCertificate;
let other: TestCertificate;
let expired: TestCertificate;
let server: EncryptedUpstream;
let world: ReturnType<typeof realWorld>;

beforeAll(async () => {
  [certificate, other, expired] = await Promise.all([
    makeCertificate(name),
    makeCertificate('other.example'),
    makeExpiredCertificate(name),
  ]);
});
afterAll(() => Promise.all([certificate, other, expired].map((made) => made.remove())));

beforeEach(async () => {
  server = await EncryptedUpstream.start(certificate);
});
afterEach(async () => {
  world.upstreams.stop();
  await server.stop();
});

/** What is believed of the host, by default that this certificate is its authority. */
function host(changes: Partial<KnownHost> = {}): KnownHost {
  const certificateAuthority = certificate.cert.toString();
  return { name, addresses: [], pins: [], certificateAuthority, ...changes };
}

function given(scheme: 'tls' | 'https', changes: Partial<UpstreamOptions> = {}) {
  world = realWorld({ servers: [`${server.text(scheme)}#${name}`], hosts: [host()], ...changes });
  return world;
}

const askFor = (asked: string) => ask(world.upstreams, queryFor(asked));
const schemes = ['tls', 'https'] as const;

describe.each(schemes)('an upstream over %s', (scheme) => {
  test('answers; queries share one connection and overtake each other (RFC 7858 section 3.3)', async () => {
    given(scheme);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    server.script = async ({ name: asked }) => {
      if (asked === 'slow.example') await held;
      return { answers: [addressRecord(asked, '192.0.2.1')] };
    };
    const slow = askFor('slow.example');
    for (const quick of ['a.example', 'b.example']) {
      expect(await askFor(quick)).toMatchObject({ kind: 'answer' });
    }
    release();
    expect(await slow).toMatchObject({ kind: 'answer', layer: 'upstream' });
    expect(world.observer.connections).toHaveLength(1);
    expect(server.resumed).toEqual([false]);
  });

  test('a query is padded to whole blocks of 128 octets (RFC 8467 section 4.1)', async () => {
    given(scheme);
    await askFor('www.example');
    await askFor(`${'a'.repeat(60)}.${'b'.repeat(60)}.example`);
    const lengths = server.queries.map(({ wire }) => wire.length);
    expect(lengths).toEqual([128, 256]);
  });

  test('the next connection resumes the session (RFC 8446 section 2.2)', async () => {
    given(scheme);
    await askFor('a.example');
    server.breakConnections();
    await waitFor('the connection to end', () => server.connectionsOpen === 0);
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
    expect(server.resumed).toEqual([false, true]);
    expect(world.observer.connections.map(({ isResumed }) => isResumed)).toEqual([false, true]);
  });

  test('what was in flight on a connection that broke is asked once more on another', async () => {
    given(scheme);
    let broken = false;
    server.script = ({ name: asked }) => {
      if (!broken && server.queries.length === 3) {
        broken = true;
        server.breakConnections();
      }
      return broken && server.resumed.length > 1
        ? { answers: [addressRecord(asked, '192.0.2.1')] }
        : undefined;
    };
    const outcomes = await Promise.all(['a.example', 'b.example', 'c.example'].map(askFor));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'answer' });
    expect(server.resumed).toHaveLength(2);
    expect(world.observer.failures).toEqual([]);
  });

  test('connections and queries on them are bounded: one too many fails rather than waits', async () => {
    const encrypted = { connectionsMax: 2, idleTimeoutMs: 1000, queriesPerConnectionMax: 3 };
    given(scheme, { encrypted });
    server.script = async ({ name: asked }) => {
      await waitFor('all queries', () => server.queries.length === 6);
      return { answers: [addressRecord(asked, '192.0.2.1')] };
    };
    const names = Array.from({ length: 8 }, (_, index) => `n${String(index)}.example`);
    const outcomes = await Promise.all(names.map(askFor));
    expect(outcomes.filter(({ kind }) => kind === 'answer')).toHaveLength(6);
    expect(server.resumed).toHaveLength(2);
    expect(world.observer.failures.map(({ reason }) => reason)).toEqual(['exhausted', 'exhausted']);
  });

  test('an idle connection is closed after its time', async () => {
    const encrypted = { connectionsMax: 2, idleTimeoutMs: 20, queriesPerConnectionMax: 100 };
    given(scheme, { encrypted });
    await askFor('a.example');
    await waitFor('the connection to end', () => server.connectionsOpen === 0);
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
    expect(server.resumed).toHaveLength(2);
  });

  test('a response with TC set is none (RFC 2181 section 9)', async () => {
    given(scheme);
    server.script = () => ({ truncated: true });
    expect(await askFor('www.example')).toMatchObject({ extendedErrors: [{ code: 24 }] });
  });

  test.each<[what: string, () => TestCertificate, KnownHost | undefined, why: string]>([
    ['of an unknown authority', () => certificate, undefined, 'certificate'],
    ['for another name', () => other, undefined, 'certificate'],
    ['that has expired', () => expired, undefined, 'expired'],
  ])('a certificate %s is refused, and nothing is asked', async (what, made, _, why) => {
    await server.stop();
    server = await EncryptedUpstream.start(made());
    const trusted = what.startsWith('of') ? other : made();
    given(scheme, { hosts: [host({ certificateAuthority: trusted.cert.toString() })] });
    const outcome = await askFor('www.example');
    expect(outcome).toMatchObject({ kind: 'failure', code: 2, extendedErrors: [{ code: 23 }] });
    expect(world.observer.failures).toMatchObject([{ reason: 'certificate' }]);
    expect(world.upstreams.status()[0]?.lastFailure).toContain(why);
    expect(server.queries).toEqual([]);
  });

  test('a pinned key is enough, whoever signed it and for whatever name (RFC 7858 section 4.2)', async () => {
    const pins = [pinOf(new X509Certificate(certificate.cert))];
    given(scheme, { hosts: [host({ pins, certificateAuthority: undefined })] });
    expect(await askFor('a.example')).toMatchObject({ kind: 'answer' });
    server.breakConnections();
    await waitFor('the connection to end', () => server.connectionsOpen === 0);
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
  });

  test('another key than the pinned one is refused, though its authority is known', async () => {
    given(scheme, { hosts: [host({ pins: [pinOf(new X509Certificate(other.cert))] })] });
    expect(await askFor('www.example')).toMatchObject({ kind: 'failure' });
    expect(world.upstreams.status()[0]?.lastFailure).toContain('pinned');
    expect(server.queries).toEqual([]);
  });

  test('a pin that comes by a reload holds at once', async () => {
    given(scheme);
    expect(await askFor('a.example')).toMatchObject({ kind: 'answer' });
    const pins = [pinOf(new X509Certificate(other.cert))];
    const servers = [`${server.text(scheme)}#${name}`];
    await world.upstreams.reconfigure(optionsWith({ servers, hosts: [host({ pins })] }));
    expect(await askFor('b.example')).toMatchObject({ kind: 'failure' });
    expect(server.queries).toHaveLength(1);
  });

  test('a stamp with the hash of its certificate is answered, with another one refused', async () => {
    const stampWith = (hash: string): string =>
      encodeStamp(scheme, {
        address: `127.0.0.1:${String(server.port)}`,
        hashes: [Buffer.from(hash, 'hex')],
        hostName: name,
        path: '/dns-query',
      });
    const hash = signedPartHash(new X509Certificate(certificate.cert).raw);
    given(scheme, { servers: [stampWith(hash)] });
    expect(await askFor('www.example')).toMatchObject({ kind: 'answer' });
    await world.upstreams.reconfigure(
      optionsWith({ servers: [stampWith('00'.repeat(32))], hosts: [host()] }),
    );
    expect(await askFor('www.example')).toMatchObject({ kind: 'failure' });
    expect(world.upstreams.status()[0]?.lastFailure).toContain('stamp');
  });
});

describe.each(schemes)('a server that goes silent, over %s', (scheme) => {
  test('loses its connection: the next query takes a new one', async () => {
    given(scheme, {
      queryBudgetMs: 50,
      health: { ...optionsWith({}).health, failureTimeoutMs: 50 },
    });
    await askFor('a.example');
    const answer = server.script;
    server.script = () => undefined;
    expect(await askFor('silent.example')).toMatchObject({ kind: 'failure' });
    server.script = answer;
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
    expect(server.resumed).toEqual([false, true]);
  });
});

describe('DNS over TLS', () => {
  test('a server tells how long it keeps an idle connection (RFC 7828 section 3.2.2)', async () => {
    given('tls');
    const told = (tenths: number) => ({ code: 11, data: Buffer.from([0, tenths]) });
    server.script = ({ name: asked, edns }) => {
      expect(edns?.options).toContainEqual(expect.objectContaining({ code: 11 }));
      const wantsEnd = asked === 'end.example';
      return {
        answers: [addressRecord(asked, '192.0.2.1')],
        edns: [told(wantsEnd ? 0 : 100)],
      };
    };
    await askFor('a.example');
    await askFor('end.example');
    await waitFor('the connection to end', () => server.connectionsOpen === 0);
    await askFor('b.example');
    expect(server.resumed).toHaveLength(2);
  });
});

describe('DNS over HTTPS (RFC 8484)', () => {
  test('the id is 0 on the way (section 4.1)', async () => {
    given('https');
    expect(await askFor('www.example')).toMatchObject({ kind: 'answer' });
    expect(server.queries[0]?.id).toBe(0);
  });

  test('the age of a response counts against its TTLs (section 5.1)', async () => {
    given('https');
    server.http = { ageSeconds: 100 };
    expect(answersOf(await askFor('www.example'))).toMatchObject([{ ttl: 200 }]);
  });

  test.each([
    ['of another status', { status: 403 }, 'HTTP status 403'],
    ['of another type', { contentType: 'text/html' }, 'type "text/html"'],
    ['that is too long', { body: Buffer.alloc(65_536) }, 'longer'],
  ])('a response %s is refused and said why', async (_, http, why) => {
    given('https');
    server.http = http;
    expect(await askFor('www.example')).toMatchObject({ extendedErrors: [{ code: 23 }] });
    expect(world.observer.failures).toMatchObject([{ reason: 'protocol' }]);
    expect(world.upstreams.status()[0]?.lastFailure).toContain(why);
  });

  test('a server without HTTP/2 is refused', async () => {
    await server.stop();
    server = await EncryptedUpstream.start(certificate, ['http/1.1']);
    given('https');
    expect(await askFor('www.example')).toMatchObject({ kind: 'failure' });
    expect(world.observer.failures).toMatchObject([{ reason: 'protocol' }]);
  });

  test('a connection that says goodbye gets no further query (RFC 9113 section 6.8)', async () => {
    given('https');
    await askFor('a.example');
    server.sayGoodbye();
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
    expect(await askFor('c.example')).toMatchObject({ kind: 'answer' });
  });
});

describe('an upstream with several ways', () => {
  let plain: ScriptedUpstream;
  beforeEach(async () => {
    plain = await ScriptedUpstream.start();
  });
  afterEach(() => plain.stop());

  test('is asked by the next one only where the best has failed', async () => {
    given('tls', { servers: [`${server.text('tls')}#${name} else ${plain.text}`] });
    expect(await askFor('a.example')).toMatchObject({ detail: `${server.text('tls')}#${name}` });
    await server.stop();
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer', detail: plain.text });
    server = await EncryptedUpstream.start(certificate);
  });

  test('a slow best one is waited for, and never asked together with the next', async () => {
    const servers = [`${server.text('tls')}#${name} else ${plain.text}`];
    given('tls', { servers, strategy: 'parallel', tryTimeoutMinMs: 1, tryTimeoutMaxMs: 10 });
    server.script = async ({ name: asked }) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { answers: [addressRecord(asked, '192.0.2.1')] };
    };
    expect(await askFor('a.example')).toMatchObject({ detail: `${server.text('tls')}#${name}` });
    expect(plain.queries).toEqual([]);
  });

  test('an error of the best one is not heard once more in plain', async () => {
    given('tls', { servers: [`${server.text('tls')}#${name} else ${plain.text}`] });
    server.script = () => ({ code: 2 });
    expect(await askFor('a.example')).toMatchObject({ kind: 'failure', code: 2 });
    expect(plain.queries).toEqual([]);
  });

  test('all best ones come before any second one', async () => {
    const second = await EncryptedUpstream.start(certificate);
    const servers = [server, second].map((one) => `${one.text('tls')}#${name} else ${plain.text}`);
    given('tls', { servers });
    await server.stop();
    expect(await askFor('a.example')).toMatchObject({ detail: `${second.text('tls')}#${name}` });
    await second.stop();
    expect(await askFor('b.example')).toMatchObject({ detail: plain.text });
    server = await EncryptedUpstream.start(certificate);
  });

  test('without another way nothing falls back to plain, though the port answers in plain', async () => {
    given('tls', { servers: [`tls://${plain.text}#${name}`] });
    expect(await askFor('a.example')).toMatchObject({ kind: 'failure' });
    expect(plain.queries).toEqual([]);
  });
});
