import { describe, expect, test } from '@jest/globals';
import { loadCalls } from '../../src/datagram/load-calls.ts';
import { selfTest } from '../../src/datagram/self-test.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { AlteredCalls } from './altered-calls.ts';

describe('whether batches can be used', () => {
  test.each([
    ['darwin', 'arm64'],
    ['linux', 'ia32'],
    ['win32', 'x64'],
  ])('not on %s on %s, and it is said why', async (platform, architecture) => {
    expect(await loadCalls({ platform, architecture })).toEqual({
      kind: 'unavailable',
      reason: `it needs Linux on x64 or arm64, and this is ${platform} on ${architecture}`,
    });
  });

  test('where datagrams come back octet for octet from the address that was asked', async () => {
    const calls = new AlteredCalls();
    expect(await selfTest(calls, new VirtualClock())).toBeUndefined();
    expect(calls.closed.length).toBeGreaterThanOrEqual(2);
  });

  test('not where a datagram comes back changed', async () => {
    const calls = new AlteredCalls();
    calls.onReceived = (memories) => {
      // The second byte from the end of every slot that was written to.
      for (const memory of memories) {
        const bytes = Buffer.from(memory);
        const at = bytes.lastIndexOf(Buffer.from([5, 36]));
        if (at > 0) bytes[at] = 6;
      }
    };
    expect(await selfTest(calls, new VirtualClock())).toBe('a datagram came back changed');
  });

  test('not where nothing comes back in time', async () => {
    const calls = new AlteredCalls();
    for (let index = 0; index < 100; index++) calls.sends.push(1);
    const clock = new VirtualClock();
    const finding = selfTest(calls, clock);
    await clock.advance(2000);
    expect(await finding).toBe('no answer came back');
  });
});
