import { describe, expect, test } from '@jest/globals';
import { chooseUdpTransport } from '../../src/assembly/udp-transport.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import type { LoadedCalls } from '../../src/datagram/system-calls.ts';
import { startReplica } from '../support/replica.ts';

const clock = new SystemClock();
const nowhere = (): Promise<LoadedCalls> =>
  Promise.resolve({ kind: 'unavailable', reason: 'koffi cannot be loaded: not found' });

function configured(transport: string): Config {
  return loadConfig({ env: {}, flags: { 'listen.udp.transport': transport } }).config;
}

describe('listen.udp.transport', () => {
  test('auto takes batches where their self-test passes', async () => {
    const { name, reason } = await chooseUdpTransport(configured('auto'), clock);
    expect([name, reason]).toEqual(['batched', 'its self-test passed']);
  });

  test('auto takes dgram elsewhere, and says why', async () => {
    const { name, reason } = await chooseUdpTransport(configured('auto'), clock, nowhere);
    expect(name).toBe('dgram');
    expect(reason).toBe('batched is unavailable: koffi cannot be loaded: not found');
  });

  test('dgram does not look for batches', async () => {
    const { name } = await chooseUdpTransport(configured('dgram'), clock, () => {
      throw new Error('it looked');
    });
    expect(name).toBe('dgram');
  });

  test('batched where there are none ends the start, with what to do', async () => {
    await expect(chooseUdpTransport(configured('batched'), clock, nowhere)).rejects.toThrow(
      /^listen\.udp\.transport is batched, which is unavailable: koffi cannot.* Set it to auto or dgram$/,
    );
  });

  test.each(['batched', 'dgram'])(
    '%s is what metrics and the admin API name',
    async (transport) => {
      const replica = await startReplica({
        upstreams: ['192.0.2.53'],
        set: { 'listen.udp.transport': transport },
      });
      try {
        const [line] = await replica.metric('heimdall_build_info');
        expect(line).toContain(`udp_transport="${transport}"`);
        const version = await (await replica.http('/api/v1/version')).json();
        expect(version).toMatchObject({ udpTransport: transport });
      } finally {
        await replica.stop();
      }
    },
  );
});
