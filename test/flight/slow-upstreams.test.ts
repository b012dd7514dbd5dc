import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { encodeQuery } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { ScriptedReply } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const misses = 5000;
const hits = 200;
const patience = '30000';

test('hits are answered at once while 5,000 misses wait for an upstream that hangs, and then those', async () => {
  const held: (() => void)[] = [];
  const upstream = await ScriptedUpstream.start({
    script: ({ name }) => {
      const reply = { answers: [addressRecord(name, '192.0.2.1')] };
      if (name.toLowerCase() === 'known.example') return reply;
      const { promise, resolve } = Promise.withResolvers<ScriptedReply>();
      held.push(() => resolve(reply));
      return promise;
    },
  });
  const replica = await startReplica({
    upstreams: [upstream.text],
    set: {
      'upstream.queryBudgetMs': patience,
      'upstream.tryTimeoutMinMs': patience,
      'upstream.tryTimeoutMaxMs': patience,
      'upstream.health.failureTimeoutMs': patience,
    },
  });
  const { upstreams, hotPath } = replica.resolver;
  await replica.ask({ name: 'known.example' });

  const client = createSocket('udp4');
  let answered = 0;
  client.on('message', () => answered++);
  const { host, port } = replica.address;
  for (let index = 0; index < misses; index++) {
    const query = encodeQuery({ name: `n${String(index)}.example`, id: index });
    client.send(query, port, host);
    if (index % 50 === 0) await waitFor('misses to go on', () => held.length >= index);
  }
  await waitFor('all misses', () => held.length === misses);
  expect(upstreams.exchangesInFlight).toBe(misses);

  const hitsBefore = hotPath.hits;
  for (let index = 0; index < hits; index++) await replica.ask({ name: 'known.example' });
  expect(hotPath.hits - hitsBefore).toBe(hits);
  expect([upstreams.exchangesInFlight, answered]).toEqual([misses, 0]);

  for (const [index, release] of held.entries()) {
    release();
    if (index % 50 === 0) await waitFor('answers', () => answered >= index - 50);
  }
  await waitFor('all answers', () => answered === misses);
  expect(upstreams.exchangesInFlight).toBe(0);
  const closed = once(client, 'close');
  client.close();
  await closed;
  await replica.stop();
  await upstream.stop();
}, 60_000);
