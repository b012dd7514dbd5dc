import { describe, expect, test } from '@jest/globals';
import { recordType } from '../../src/dns/codes.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { FlightStage } from '../../src/flight/flight-stage.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { ownQuery } from '../../src/query/own-query.ts';
import type { Query } from '../../src/query/query.ts';
import type { Next } from '../../src/query/stage.ts';

const plain = { dnssecOk: false, checkingDisabled: false };
const done: Outcome = { kind: 'drop', reason: 'done' };

function queryFor(name: string, flags = plain): Query {
  const key = encodeKey({ name: parseName(name), type: recordType.A }, flags);
  return { ...ownQuery(key, 'refresh', 0), purpose: 'client' };
}

/** Stages below that settle when they are told to. */
function pendingNext(): { next: Next; calls: PromiseWithResolvers<Outcome>[] } {
  const calls: PromiseWithResolvers<Outcome>[] = [];
  const next: Next = () => {
    const call = Promise.withResolvers<Outcome>();
    calls.push(call);
    return call.promise;
  };
  return { next, calls };
}

describe('one flight for equal questions', () => {
  test('all who ask meanwhile get its outcome, whatever their transport and purpose', async () => {
    const stage = new FlightStage(10);
    const { next, calls } = pendingNext();
    const queries = [
      queryFor('a.example'),
      { ...queryFor('a.example'), transport: 'tcp' as const },
      { ...queryFor('a.example'), purpose: 'prefetch' as const },
    ];
    const outcomes = queries.map((query) => stage.handle(query, next));
    expect(calls).toHaveLength(1);
    expect(stage.figures()).toEqual({ inProgress: 1, joined: 2, refused: 0 });
    calls[0]?.resolve(done);
    expect(await Promise.all(outcomes)).toEqual([done, done, done]);
    expect(stage.figures().inProgress).toBe(0);
  });

  test('a question that differs in name or flags has its own', () => {
    const stage = new FlightStage(10);
    const { next, calls } = pendingNext();
    for (const query of [
      queryFor('a.example'),
      queryFor('b.example'),
      queryFor('a.example', { ...plain, dnssecOk: true }),
      queryFor('a.example', { ...plain, checkingDisabled: true }),
    ]) {
      void stage.handle(query, next);
    }
    expect(calls).toHaveLength(4);
  });

  test('the next question after it is a new flight', async () => {
    const stage = new FlightStage(10);
    const { next, calls } = pendingNext();
    const first = stage.handle(queryFor('a.example'), next);
    calls[0]?.resolve(done);
    await first;
    void stage.handle(queryFor('a.example'), next);
    expect(calls).toHaveLength(2);
  });

  test('a fault below reaches all who wait, and leaves nothing behind', async () => {
    const stage = new FlightStage(10);
    const { next, calls } = pendingNext();
    const waiting = [
      stage.handle(queryFor('a.example'), next),
      stage.handle(queryFor('a.example'), next),
    ];
    calls[0]?.reject(new TypeError('a defect'));
    const settled = await Promise.allSettled(waiting);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(stage.figures().inProgress).toBe(0);
  });

  test('more flights than allowed are refused with SERVFAIL; who joins one is not', async () => {
    const stage = new FlightStage(2);
    const { next, calls } = pendingNext();
    void stage.handle(queryFor('a.example'), next);
    void stage.handle(queryFor('b.example'), next);
    expect(await stage.handle(queryFor('c.example'), next)).toMatchObject({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ text: 'too many different questions in flight' }],
    });
    void stage.handle(queryFor('b.example'), next);
    expect(calls).toHaveLength(2);
    expect(stage.figures()).toEqual({ inProgress: 2, joined: 1, refused: 1 });
  });
});
