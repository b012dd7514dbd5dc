import { afterEach, describe, expect, test } from '@jest/globals';
import type { Answer } from 'dns-packet';
import { addressRecord, soaRecord } from '../support/scripted-upstream.ts';
import type { Script, ScriptedQuery } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

const name = 'signed.example';
const dnssecOk = { dnssecOk: true };
const trusting = { 'upstream.trustAuthenticData': 'true' };

const signature = {
  type: 'RRSIG',
  name,
  ttl: 300,
  data: {
    typeCovered: 'A',
    algorithm: 13,
    labels: 2,
    originalTTL: 300,
    expiration: 1_900_000_000,
    inception: 1_700_000_000,
    keyTag: 1,
    signersName: 'example',
    signature: Buffer.alloc(64, 7),
  },
} as const;

const denial: Answer = {
  type: 'NSEC',
  name: 'a.example',
  ttl: 300,
  data: { nextDomain: 'z.example', rrtypes: ['A', 'RRSIG'] },
};

/** Answers with signatures, asked or not, and with AD. */
const signed: Script = () => ({
  authenticData: true,
  answers: [addressRecord(name, '192.0.2.1'), signature],
});

function last(): ScriptedQuery | undefined {
  return world.upstream.queries.at(-1);
}

describe('DO', () => {
  test('RFC 4035 3.2.1: goes upstream, and the signatures come back', async () => {
    world = await startWorld(signed);
    const response = await world.replica.askBothWays({ name, edns: dnssecOk });
    expect(last()?.edns?.dnssecOk).toBe(true);
    expect(response.answers.map((text) => text.split(' ')[2])).toEqual(['A', 'RRSIG']);
  });

  test('RFC 4035 3.2.1: without it signatures are left out, whatever the upstream sends', async () => {
    world = await startWorld(signed);
    const response = await world.replica.askBothWays({ name, edns: {} });
    expect(last()?.edns?.dnssecOk).toBe(false);
    expect(response.answers).toEqual([`${name} 300 A 192.0.2.1`]);
  });

  test('RFC 4035 3.2.1: a question for RRSIG itself is answered without it', async () => {
    world = await startWorld(() => ({ answers: [signature] }));
    const response = await world.replica.askBothWays({ name, type: 'RRSIG' });
    expect(response.answers).toHaveLength(1);
  });

  test('RFC 4035 3.1.3: the proof of a negative answer is passed on with it, and left out without', async () => {
    world = await startWorld(() => ({ code: 3, authorities: [soaRecord('example'), denial] }));
    const types = async (edns: object): Promise<(string | undefined)[]> =>
      (await world.replica.askBothWays({ name: 'no.example', edns })).authorities.map(
        (text) => text.split(' ')[2],
      );
    expect(await types(dnssecOk)).toEqual(['SOA', 'NSEC']);
    expect(await types({})).toEqual(['SOA']);
    expect(world.upstream.queries).toHaveLength(2);
  });
});

describe('CD', () => {
  test('RFC 4035 3.2.2: goes upstream and comes back, and has answers of its own', async () => {
    world = await startWorld(({ checkingDisabled }) => ({
      answers: [addressRecord(name, checkingDisabled ? '192.0.2.66' : '192.0.2.1')],
    }));
    const disabled = await world.replica.askBothWays({ name, checkingDisabled: true });
    expect(disabled).toMatchObject({
      flags: 'qr rd ra cd',
      answers: [`${name} 300 A 192.0.2.66`],
    });
    const checked = await world.replica.askBothWays({ name });
    expect(checked).toMatchObject({ flags: 'qr rd ra', answers: [`${name} 300 A 192.0.2.1`] });
  });

  test('RFC 4035 3.2.2: comes back with errors', async () => {
    world = await startWorld(() => ({ code: 2 }));
    expect((await world.replica.ask({ name, checkingDisabled: true })).flags).toBe('qr rd ra cd');
    const rejected = await world.replica.ask({ name, class: 3, checkingDisabled: true });
    expect(rejected.flags).toBe('qr rd ra cd');
  });
});

describe('AD', () => {
  test('RFC 4035 4.9.3: of an upstream that is not trusted goes no further', async () => {
    world = await startWorld(signed);
    const response = await world.replica.askBothWays({ name, authenticData: true, edns: dnssecOk });
    expect(response.flags).toBe('qr rd ra');
    expect(last()?.authenticData).toBe(false);
  });

  test('RFC 6840 5.7, 5.8: of a trusted one is shown to who sets AD or DO, and to nobody else', async () => {
    world = await startWorld(signed, trusting);
    expect((await world.replica.askBothWays({ name, authenticData: true })).flags).toBe(
      'qr rd ra ad',
    );
    expect((await world.replica.askBothWays({ name, edns: dnssecOk })).flags).toBe('qr rd ra ad');
    expect((await world.replica.askBothWays({ name })).flags).toBe('qr rd ra');
    expect(last()?.authenticData).toBe(true);
  });

  test('RFC 6840 5.8: is not set where a trusted upstream did not set it', async () => {
    world = await startWorld(undefined, trusting);
    const response = await world.replica.askBothWays({ name, authenticData: true, edns: dnssecOk });
    expect(response.flags).toBe('qr rd ra');
  });
});
