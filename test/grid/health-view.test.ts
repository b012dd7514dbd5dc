import { describe, expect, test } from '@jest/globals';
import { foldState, newestFailureMs, readViews, votesOf } from '../../src/grid/health-view.ts';
import type { ReplicaHealth } from '../../src/grid/health-view.ts';
import type { ServerState, ServerView } from '../../src/upstream/health-board.ts';

const server = '192.0.2.1:53';
const nowMs = 100_000;

/** A view as it was told so long ago. */
function told(
  state: ServerState,
  ages: { success?: number; failure?: number; heard?: number } = {},
): ReplicaHealth {
  const view: ServerView = {
    state,
    reason: '',
    smoothedRttMs: undefined,
    rttVariationMs: undefined,
    responses: 1,
    sinceSuccessMs: ages.success,
    sinceFailureMs: ages.failure,
  };
  const heardAtMs = nowMs - (ages.heard ?? 0);
  return { replica: state, servers: new Map([[server, view]]), heardAtMs };
}

const up = (success: number, heard = 0): ReplicaHealth => told('up', { success, heard });
const down = (failure: number): ReplicaHealth => told('down', { failure });

describe('what the replicas agree upon', () => {
  test.each<[what: string, views: ReplicaHealth[], agreed: string]>([
    ['nobody knows it', [], 'unknown'],
    ['nobody asked it', [told('unknown')], 'unknown'],
    ['all had answers, however long ago', [up(60_000), up(3_600_000)], 'up'],
    ['one has no answer, two have', [down(0), up(100), up(200)], 'up'],
    ['one has no answer, and nobody asked since', [down(0), up(5000), up(60_000)], 'unknown'],
    ['two have no answer, and nobody asked since', [down(0), down(500), up(5000)], 'down'],
    ['two have no answer, one has', [down(0), down(500), up(100)], 'down'],
    ['two have no answer, two have', [down(0), down(500), up(100), up(300)], 'up'],
    ['an answer came while a failure was waited for', [down(0), up(900)], 'up'],
    ['the failures are older than an answer', [down(9000), down(8000), up(7000), up(1)], 'up'],
    ['a view told a while ago has grown old', [down(0), down(0), up(0, 4000), up(0, 4000)], 'down'],
    ['one alone finds it out', [down(0)], 'unknown'],
    ['a loop counts as out', [told('loop'), told('loop'), down(0)], 'down'],
  ])('%s', (_, views, agreed) => {
    expect(foldState(views, server, nowMs)).toBe(agreed);
  });

  test('an up of which nobody says how old it is does not outvote a failure', () => {
    const views = [told('up'), told('up'), down(10)];
    expect(votesOf(views, server, nowMs)).toEqual({ up: [], down: ['down'] });
  });

  test('the newest failure is that of whoever finds it out', () => {
    expect(newestFailureMs([down(700), down(300)], server, nowMs)).toBe(300);
    expect(newestFailureMs([told('up', { failure: 5 })], server, nowMs)).toBe(Infinity);
  });
});

test('ages that are no numbers of milliseconds are not believed', () => {
  const good = { state: 'up', sinceSuccessMs: 12, sinceFailureMs: 0 };
  const bad = { state: 'up', sinceSuccessMs: -1, sinceFailureMs: 'now' };
  const views = readViews({ good, bad });
  expect(views.get('good')).toMatchObject(good);
  expect(views.get('bad')).toMatchObject({ sinceSuccessMs: undefined, sinceFailureMs: undefined });
});
