import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { askTcp, askUdp } from '../support/dns-clients.ts';
import { encodeQuery, optRecord, readMessage } from '../support/messages.ts';
import type { ReadMessage } from '../support/messages.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

const cookie = 10;
const clientCookie = Buffer.from('2464c4abcf10c957', 'hex');
const dayMs = 24 * 3600 * 1000;

let world: World;

beforeAll(async () => {
  world = await startWorld(
    ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 86_400)] }),
    {
      'clients.rateLimit.exempt': '10.0.0.0/8',
      'clients.rateLimit.queriesPerSecond': '1',
      'clients.rateLimit.burst': '20',
      'clients.rateLimit.slip': '1',
    },
  );
});

afterAll(() => world.stop());

/** A full bucket for each test. */
beforeEach(() => world.clock.advance(100_000));

function query(data: Buffer | undefined, name = 'cookie.example'): Buffer {
  const options = data === undefined ? [] : [{ code: cookie, data }];
  return encodeQuery({ name, edns: { options } });
}

async function ask(data: Buffer | undefined): Promise<ReadMessage> {
  return readMessage(await askUdp(world.replica.address, query(data)));
}

function cookieIn({ options }: ReadMessage): Buffer | undefined {
  return options.find(({ code }) => code === cookie)?.data;
}

/** Asks until the budget of this client is used up. */
async function useUp(): Promise<void> {
  for (let asked = 0; asked < 20; asked++) await ask(undefined);
}

describe('server cookies', () => {
  test('RFC 7873 5.2.3: who sends a client cookie gets a server cookie behind it', async () => {
    const response = await ask(clientCookie);
    const given = cookieIn(response);
    expect(response).toMatchObject({ code: 0, answers: ['cookie.example 86400 A 192.0.2.1'] });
    expect(given?.length).toBe(24);
    expect(given?.subarray(0, 8)).toEqual(clientCookie);
  });

  test('RFC 9018 4.3: a valid one comes back as it is, one of half an hour is renewed', async () => {
    const given = cookieIn(await ask(clientCookie));
    expect(cookieIn(await ask(given))).toEqual(given);
    await world.clock.advance(1_801_000);
    const renewed = cookieIn(await ask(given));
    expect(renewed).not.toEqual(given);
    expect(cookieIn(await ask(renewed))).toEqual(renewed);
  });

  test('RFC 7873 5.2.1: without a cookie all is as ever, on the hot path', async () => {
    const response = await world.replica.askBothWays({ name: 'cookie.example', edns: {} });
    expect(response.options).toEqual([]);
  });

  test('RFC 7873 5.2.2: a cookie of a length that none has is malformed', async () => {
    for (const length of [0, 7, 9, 15, 41]) {
      expect((await ask(Buffer.alloc(length, 1))).code).toBe(1);
    }
  });

  test('RFC 7873 5.4: a message without a question fetches one', async () => {
    const head = Buffer.from([0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const opt = optRecord({ options: [{ code: cookie, data: clientCookie }] });
    const response = readMessage(await askUdp(world.replica.address, Buffer.concat([head, opt])));
    expect(response).toMatchObject({ code: 0, question: undefined, answers: [] });
    expect(cookieIn(response)?.length).toBe(24);
    const plain = Buffer.concat([head, optRecord({})]);
    expect(readMessage(await askUdp(world.replica.address, plain)).code).toBe(1);
  });

  test('RFC 7873 5.2.3: over its limit, who can read cookies gets BADCOOKIE with one, others TC', async () => {
    await useUp();
    expect(await ask(undefined)).toMatchObject({ code: 0, flags: 'qr tc rd ra', answers: [] });
    const refused = await ask(clientCookie);
    expect(refused).toMatchObject({ code: 23, flags: 'qr rd ra', answers: [] });
    expect(refused.wire.length).toBeLessThanOrEqual(query(clientCookie).length + 16);
  });

  test('who shows a valid cookie has a larger budget, and no more than that', async () => {
    await useUp();
    let given = cookieIn(await ask(clientCookie));
    for (let asked = 0; asked < 80; asked++) {
      const response = await ask(given);
      expect(response).toMatchObject({ code: 0, flags: 'qr rd ra' });
      given = cookieIn(response);
    }
    expect((await ask(given)).code).toBe(23);
  });

  test('a made-up cookie is worth nothing: it saves nobody from the limit', async () => {
    await useUp();
    expect((await ask(Buffer.concat([clientCookie, Buffer.alloc(16, 7)]))).code).toBe(23);
  });

  test('over TCP a wrong cookie is answered as ever, with a right one (RFC 7873 section 5.2.4)', async () => {
    const wrong = query(Buffer.concat([clientCookie, Buffer.alloc(16, 7)]));
    const response = readMessage(await askTcp(world.replica.address, wrong));
    expect(response.code).toBe(0);
    expect(cookieIn(response)?.subarray(0, 8)).toEqual(clientCookie);
  });

  test('the secret changes every day, and cookies of a while ago are still good', async () => {
    const { cookies } = world.replica.resolver;
    const [active = '', ...accepted] = cookies.secrets;
    await world.clock.advance(dayMs - (world.clock.wallMs() % dayMs) - 600_000);
    const given = cookieIn(await ask(clientCookie));
    await world.clock.advance(1_200_000);
    expect(cookies.secrets[0]).not.toBe(active);
    expect(accepted).toContain(cookies.secrets[0]);
    expect(cookieIn(await ask(given))).toEqual(given);
  });

  test('what they were worth is counted', async () => {
    const lines = await world.replica.metric('heimdall_cookies_total');
    expect(lines.map((line) => line.replace(/ \d+$/, ''))).toEqual([
      'heimdall_cookies_total{result="valid"}',
      'heimdall_cookies_total{result="client_only"}',
      'heimdall_cookies_total{result="invalid"}',
    ]);
    expect(lines.every((line) => Number(line.split(' ')[1]) > 0)).toBe(true);
  });
});

describe('configured secrets', () => {
  const secret = 'e5e973e5a6b2a43f48e7dc849e37bfcf';

  test('are those of all servers behind one address (RFC 9018), and are shown nowhere', async () => {
    const set = { 'listen.cookies.secrets': secret };
    const worlds = [await startWorld(undefined, set), await startWorld(undefined, set)];
    const given = [];
    for (const { replica } of worlds) {
      given.push(cookieIn(readMessage(await askUdp(replica.address, query(clientCookie)))));
      const config = await (await replica.http('/api/v1/config')).text();
      expect(config).toContain('***');
      expect(config + replica.log()).not.toContain(secret);
    }
    for (const { stop } of worlds) await stop();
    expect(given[1]).toEqual(given[0]);
  });

  test('none are given where cookies are switched off', async () => {
    const off = await startWorld(undefined, { 'listen.cookies.enabled': 'false' });
    const response = readMessage(await askUdp(off.replica.address, query(clientCookie)));
    await off.stop();
    expect(response.options).toEqual([]);
  });
});
