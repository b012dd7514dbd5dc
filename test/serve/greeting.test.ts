import { describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';

describe('what serve tells a person at the terminal', () => {
  test('where it listens, whom it asks, and a first query to try', async () => {
    const replica = await startReplica({ upstreams: ['192.0.2.53'] });
    try {
      const { port } = replica.address;
      const lines = replica.replica.greeting();
      expect(lines[0]).toBe(`Listening on 127.0.0.1:${String(port)} (UDP and TCP)`);
      expect(lines[1]).toBe('UDP transport: batched (its self-test passed)');
      expect(lines[2]).toMatch(/^HTTP on 127\.0\.0\.1:\d+$/);
      expect(lines[3]).toBe('Upstreams: 192.0.2.53:53');
      expect(lines[4]).toBe(`Try: dig @127.0.0.1 -p ${String(port)} example.com`);
    } finally {
      await replica.stop();
    }
  });
});
