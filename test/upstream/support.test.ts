import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import dnsPacket from 'dns-packet';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

describe('the virtual clock', () => {
  test('runs timers in order, those set by timers included, and settles promises between', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.setTimer(20, () => seen.push(`b${String(clock.nowMs())}`));
    clock.setTimer(10, () => {
      void Promise.resolve().then(() => clock.setTimer(5, () => seen.push('a15')));
    });
    clock.setTimer(15, () => seen.push('never')).cancel();
    await clock.advance(30);
    expect(seen).toEqual(['a15', 'b20']);
    expect(clock.nowMs()).toBe(30);
    expect(clock.timersPending).toBe(0);
  });
});

const queryOctets = dnsPacket.encode({
  type: 'query',
  id: 77,
  flags: dnsPacket.RECURSION_DESIRED,
  questions: [{ name: 'Www.Example.com', type: 'A' }],
});

describe('the scripted upstream', () => {
  test('answers over UDP and remembers the query', async () => {
    const upstream = await ScriptedUpstream.start();
    const socket = createSocket('udp4');
    const reply = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(queryOctets, upstream.port, '127.0.0.1');
    const packet = dnsPacket.decode((await reply)[0]);
    expect(packet.id).toBe(77);
    expect(packet.questions?.[0]?.name).toBe('Www.Example.com');
    expect(packet.answers).toHaveLength(1);
    expect(upstream.queries).toMatchObject([{ name: 'Www.Example.com', type: 'A', id: 77 }]);
    socket.close();
    await upstream.stop();
  });

  test('answers over TCP in pieces', async () => {
    const upstream = await ScriptedUpstream.start({
      script: () => ({ code: 3, firstOctets: 5, restDelayMs: 5 }),
    });
    const socket = connect(upstream.port, '127.0.0.1');
    const octets: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => octets.push(chunk));
    socket.write(Buffer.concat([Buffer.from([0, queryOctets.length]), queryOctets]));
    while (Buffer.concat(octets).length < 33) await once(socket, 'data');
    expect(dnsPacket.streamDecode(Buffer.concat(octets))).toMatchObject({ rcode: 'NXDOMAIN' });
    socket.destroy();
    await upstream.stop();
  });
});
