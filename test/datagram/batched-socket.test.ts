import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import koffi from 'koffi';
import { UdpClient } from '../support/dns-clients.ts';
import { waitFor } from '../support/wait-for.ts';
import { AlteredCalls, systemCalls } from './altered-calls.ts';
import { EchoSocket } from './echo-socket.ts';

const wouldBlock = 11;
const noBuffers = 105;
const connectionRefused = 111;
const notPermitted = 1;

let echo: EchoSocket;
let client: UdpClient | undefined;

afterEach(async () => {
  echo.socket.close();
  await client?.close();
  client = undefined;
});

function open(options: ConstructorParameters<typeof EchoSocket>[1] = {}): AlteredCalls {
  const calls = new AlteredCalls();
  echo = new EchoSocket(calls, options);
  client = new UdpClient(echo.socket.address);
  return calls;
}

/** Octets that differ from place to place. */
function patternOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (index * 7 + size) % 251));
}

describe('datagrams go through octet for octet', () => {
  test.each([1, 511, 512, 513, 1232, 4096, 9000, 65_506, 65_507])('of %i octets', async (size) => {
    open();
    const octets = patternOf(size);
    expect((await client?.ask(octets))?.equals(octets)).toBe(true);
    expect(echo.losses).toEqual([]);
  });

  test('of none', async () => {
    open();
    client?.send(Buffer.alloc(0));
    expect(await client?.ask(Buffer.from('x'))).toEqual(Buffer.from('x'));
    expect(echo.received.map(({ length }) => length)).toEqual([0, 1]);
  });

  test('of many sizes in one batch, each in its own place', async () => {
    open();
    const sizes = Array.from({ length: 60 }, (_, index) => 1 + ((index * 331) % 1500));
    for (const size of sizes) client?.send(patternOf(size));
    await waitFor('all', () => client?.received.length === sizes.length);
    expect(client?.received.every((octets) => octets.equals(patternOf(octets.length)))).toBe(true);
    expect(client?.received.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual(
      sizes.toSorted((a, b) => a - b),
    );
  });

  test.each(['127.0.0.1', '::1'])('from and to an address at %s', async (host) => {
    open({ address: { host, port: 0 } });
    const other = createSocket(host === '::1' ? 'udp6' : 'udp4');
    other.bind(0, host);
    await once(other, 'listening');
    const answered = once(other, 'message');
    other.send('x', echo.socket.address.port, host);
    const [, from] = (await answered) as [Buffer, { address: string; port: number }];
    expect(echo.senders).toEqual([{ host, port: other.address().port }]);
    expect({ host: from.address, port: from.port }).toEqual(echo.socket.address);
    other.close();
  });

  test('one that is longer than its slot is dropped and counted, its neighbours are not', async () => {
    open({ receiveBytesMax: 512 });
    client?.send(patternOf(513));
    client?.send(patternOf(65_507));
    expect(await client?.ask(patternOf(512))).toHaveLength(512);
    expect(echo.losses).toEqual(['truncated', 'truncated']);
    expect(echo.received).toHaveLength(1);
  });
});

describe('late answers', () => {
  test('go to whom they are for, from a copy of the address', async () => {
    open();
    const other = new UdpClient(echo.socket.address);
    echo.onDatagram = () => undefined;
    client?.send(Buffer.from('one'));
    await waitFor('the first', () => echo.peers.length === 1);
    other.send(Buffer.from('two'));
    await waitFor('the second', () => echo.peers.length === 2);
    echo.socket.send(Buffer.from('for two'), echo.peers[1]);
    echo.socket.send(Buffer.from('for one'), echo.peers[0]);
    expect((await client?.next())?.toString()).toBe('for one');
    expect((await other.next()).toString()).toBe('for two');
    await other.close();
  });

  test('of one turn go out with one system call', async () => {
    const calls = open();
    echo.onDatagram = () => undefined;
    client?.send(Buffer.from('x'));
    await waitFor('it', () => echo.peers.length === 1);
    calls.sendCalls = 0;
    for (let index = 0; index < 50; index++) echo.socket.send(Buffer.from('y'), echo.peers[0]);
    await waitFor('all', () => client?.received.length === 50);
    expect(calls.sendCalls).toBe(1);
  });

  test('more of them than the queue holds go out all the same while the kernel takes them', async () => {
    open();
    echo.onDatagram = () => undefined;
    client?.send(Buffer.from('x'));
    await waitFor('it', () => echo.peers.length === 1);
    for (let index = 0; index < 200; index++) {
      expect(echo.socket.send(Buffer.from('y'), echo.peers[0])).toBe(true);
    }
    await waitFor('all', () => client?.received.length === 200);
  });

  test('a promise of the handler settles in the turn of its datagram', async () => {
    open();
    echo.onDatagram = (octets, slot) => {
      const peer = echo.socket.peerOf(slot);
      void Promise.resolve().then(() => echo.socket.send(octets, peer));
    };
    expect((await client?.ask(Buffer.from('x')))?.toString()).toBe('x');
  });

  test('an address is encoded once, for a socket that sends first', async () => {
    open();
    const asking = new EchoSocket(systemCalls());
    const peer = asking.socket.peerAt(echo.socket.address);
    asking.onDatagram = () => undefined;
    asking.socket.send(Buffer.from('x'), peer);
    await waitFor('the echo', () => asking.received.length === 1);
    expect(asking.senders).toEqual([echo.socket.address]);
    expect(Buffer.from(asking.peers[0] ?? [])).toEqual(Buffer.from(peer));
    asking.socket.close();
  });
});

describe('what the kernel may say', () => {
  test('a short count: the rest goes with the next call', async () => {
    const calls = open();
    calls.sends.push(-1, -2);
    calls.receives.push(wouldBlock);
    for (const text of ['a', 'b', 'c', 'd']) client?.send(Buffer.from(text));
    await waitFor('all', () => client?.received.length === 4);
    expect(echo.losses).toEqual([]);
  });

  test('EAGAIN: answers wait until the socket is writable, and nothing is read meanwhile', async () => {
    const calls = open();
    calls.sends.push(wouldBlock);
    expect((await client?.ask(Buffer.from('x')))?.toString()).toBe('x');
    expect(calls.watched).toEqual(['readable', 'writable', 'readable']);
    expect((await client?.ask(Buffer.from('y')))?.toString()).toBe('y');
    expect(echo.losses).toEqual([]);
  });

  test('EAGAIN for good: the queue is bounded, and what is beyond it is counted', async () => {
    const calls = open();
    client?.send(Buffer.from('x'));
    await waitFor('it', () => echo.peers.length === 1);
    for (let index = 0; index < 10_000; index++) calls.sends.push(wouldBlock);
    let kept = 0;
    for (let index = 0; index < 1000; index++) {
      if (echo.socket.send(Buffer.from('y'), echo.peers[0])) kept++;
    }
    expect(kept).toBe(128);
    expect(echo.losses).toEqual(Array.from({ length: 1000 - kept }, () => 'send_queue_full'));
    calls.sends.length = 0;
    await waitFor('what was kept', () => (client?.received.length ?? 0) === kept + 1);
  });

  test('ENOBUFS and a refusal: this one is lost and counted, the others go', async () => {
    const calls = open({ joinsDatagrams: false });
    calls.receives.push(wouldBlock);
    for (const text of ['a', 'b', 'c']) client?.send(Buffer.from(text));
    calls.sends.push(noBuffers, notPermitted);
    await waitFor('the one', () => echo.losses.length === 2);
    expect((await client?.ask(Buffer.from('d')))?.toString()).toMatch(/[cd]/);
    expect(echo.losses).toEqual(['no_buffers', 'send_error']);
  });

  test('ECONNREFUSED is the error of an earlier datagram: this one is sent all the same', async () => {
    const calls = open();
    calls.sends.push(connectionRefused);
    expect((await client?.ask(Buffer.from('x')))?.toString()).toBe('x');
    expect(echo.losses).toEqual([]);
  });

  test('an error of receiving is counted, and the socket goes on', async () => {
    const calls = open();
    calls.receives.push(connectionRefused);
    expect((await client?.ask(Buffer.from('x')))?.toString()).toBe('x');
    expect(echo.losses).toEqual(['receive_error']);
  });

  test('an event with an error: the watch is started again', async () => {
    const calls = open();
    calls.tellReady(-9);
    expect(calls.watched).toEqual(['readable', 'readable']);
    expect((await client?.ask(Buffer.from('x')))?.toString()).toBe('x');
  });

  test('RFC 792: port unreachable at a connected socket is counted, and it hears the next answer', async () => {
    open();
    const gone = createSocket('udp4');
    gone.bind(0, '127.0.0.1');
    await once(gone, 'listening');
    const to = { host: '127.0.0.1', port: gone.address().port };
    await new Promise<void>((resolve) => {
      gone.close(resolve);
    });
    const asking = new EchoSocket(systemCalls());
    asking.onDatagram = () => undefined;
    asking.socket.connect(to);
    asking.socket.send(Buffer.from('x'));
    await waitFor('the error', () => asking.losses.includes('receive_error'));
    asking.socket.connect(echo.socket.address);
    asking.socket.send(Buffer.from('y'));
    await waitFor('the answer', () => asking.received.length === 1);
    asking.socket.close();
  });

  test('RFC 792: a client that has closed its port disturbs nobody', async () => {
    open();
    await client?.ask(Buffer.from('its port is its own from here on'));
    echo.onDatagram = () => undefined;
    for (let index = 1; index <= 20; index++) {
      const gone = new UdpClient(echo.socket.address);
      gone.send(Buffer.from('x'));
      await waitFor('it', () => echo.received.length === index + 1);
      await gone.close();
    }
    for (const peer of echo.peers.slice(1)) echo.socket.send(Buffer.from('x'), peer);
    echo.onDatagram = undefined;
    expect((await client?.ask(Buffer.from('y')))?.toString()).toBe('y');
  });
});

describe('RFC 9715: what ICMP says of the path narrows no answer', () => {
  const levels = { ipv4: [0, 10], ipv6: [41, 23] } as const; // IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
  const omit = 5;
  const getsockopt = koffi
    .load(null)
    .func('int getsockopt(int, int, int, _Out_ int *, _Inout_ int *)');

  function optionOf(descriptor: number | undefined, family: keyof typeof levels): number {
    const value = [0];
    expect(getsockopt(descriptor, ...levels[family], value, [4])).toBe(0);
    return Number(value[0]);
  }

  test('over IPv4', () => {
    expect(optionOf(open().opened[0], 'ipv4')).toBe(omit);
  });

  test('over IPv6, and over IPv4 by the same socket', () => {
    const [descriptor] = open({ address: { host: '::', port: 0 } }).opened;
    expect(optionOf(descriptor, 'ipv6')).toBe(omit);
    expect(optionOf(descriptor, 'ipv4')).toBe(omit);
  });

  test('a system without the option is no obstacle', async () => {
    const calls = new AlteredCalls();
    calls.refusedOption = levels.ipv4;
    echo = new EchoSocket(calls);
    client = new UdpClient(echo.socket.address);
    expect(await client.ask(Buffer.from('x'))).toEqual(Buffer.from('x'));
  });
});

describe('closing', () => {
  test('within a handler ends the batch, and what was answered before goes out', async () => {
    const calls = open();
    echo.onDatagram = undefined;
    const original = echo.datagram.bind(echo);
    let seen = 0;
    echo.datagram = (...parameters) => {
      seen++;
      if (seen === 3) echo.socket.close();
      return seen === 3 ? 1 : original(...parameters);
    };
    calls.receives.push(wouldBlock);
    for (let index = 0; index < 10; index++) client?.send(Buffer.from([index]));
    await waitFor('two', () => client?.received.length === 2);
    expect(seen).toBe(3);
    expect(calls.closed).toHaveLength(1);
    expect(echo.socket.send(Buffer.from('x'), echo.peers[0])).toBe(false);
  });

  test('twice, and with events still under way, does nothing more', () => {
    const calls = open();
    echo.socket.close();
    echo.socket.close();
    calls.tellReady(0);
    expect(calls.closed).toHaveLength(1);
    expect(echo.socket.isClosed).toBe(true);
  });

  test('while thousands of datagrams come frees the port, over and over', async () => {
    const calls = new AlteredCalls();
    echo = new EchoSocket(calls);
    const { address } = echo.socket;
    client = new UdpClient(address);
    for (let round = 0; round < 20; round++) {
      const before = echo.received.length;
      for (let index = 0; index < 200; index++) client.send(patternOf(1 + index));
      await waitFor('some', () => echo.received.length > before);
      echo.socket.close();
      echo = new EchoSocket(calls, { address });
    }
    expect((await waitForEcho(client)).toString()).toBe('last');
  });
});

/** The answer to what is asked last, whatever is still under way; asked again, for UDP may lose it. */
async function waitForEcho(asking: UdpClient): Promise<Buffer> {
  return waitFor('the last', () => {
    asking.send(Buffer.from('last'));
    return asking.received.find((octets) => octets.toString() === 'last');
  });
}

describe('fairness and defects', () => {
  test('a turn takes four batches at most, then others have theirs', async () => {
    const calls = open();
    echo.onDatagram = () => undefined;
    calls.receives.push(wouldBlock, wouldBlock, wouldBlock, wouldBlock);
    for (let index = 0; index < 1000; index++) client?.send(Buffer.from('x'));
    await waitFor('them to be sent', () => calls.receives.length === 0);
    await waitFor('all', () => echo.received.length === 1000);
    expect(Math.max(...echo.batches)).toBeLessThanOrEqual(64);
    echo.received.length = 0;
    for (let index = 0; index < 1000; index++) client?.send(Buffer.from('x'));
    await new Promise((resolve) => {
      setTimeout(resolve, 0);
    });
    const before = echo.received.length;
    calls.tellReady(0);
    expect(echo.received.length - before).toBeLessThanOrEqual(256);
    await waitFor('all', () => echo.received.length === 1000);
  });

  test('memory of a socket is that of its slots, whatever comes', () => {
    const calls = open({ receiveBytesMax: 4096, sendBytesMax: 4096 });
    const bytes = calls.memories.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeLessThan(1024 * 1024);
  });
});
