import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CookieSecrets } from '../../src/assembly/cookie-secrets.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { Leasing } from './leasing.ts';

let world: Leasing;
/** Of its own: a day of a whole cluster would take long. */
let days: VirtualClock;
const made: CookieSecrets[] = [];
beforeEach(() => {
  world = new Leasing();
  days = new VirtualClock();
});
afterEach(() => {
  for (const secrets of made.splice(0)) secrets.stop();
  return world.stop();
});

async function join(id: string, configured: readonly string[] = []): Promise<CookieSecrets> {
  const { coordination } = await world.join(id);
  const options = { enabled: true, secrets: configured };
  const secrets = new CookieSecrets(options, days, () => undefined);
  made.push(secrets);
  coordination.seed.start(secrets);
  return secrets;
}

test('replicas of a grid have the same secrets for cookies, today and tomorrow', async () => {
  const replicas = [await join('one'), await join('two'), await join('three')];
  expect(new Set(replicas.map(({ current }) => current.join())).size).toBe(3);
  await world.clock.advance(61_000);
  const today = replicas.map(({ current }) => current.join());
  expect(new Set(today).size).toBe(1);
  await days.advance(24 * 3600 * 1000);
  const tomorrow = replicas.map(({ current }) => current.join());
  expect(new Set(tomorrow).size).toBe(1);
  expect(tomorrow[0]).not.toBe(today[0]);
});

test('a configured secret holds, whatever the grid has', async () => {
  const secret = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
  await join('one');
  const configured = await join('two', [secret]);
  await world.clock.advance(61_000);
  expect(configured.current).toEqual([secret]);
});
