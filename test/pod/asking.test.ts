import { duplexPair } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { AskPrimaryStage } from '../../src/pod/ask-primary-stage.ts';
import { AsksOfWorker } from '../../src/pod/asks-of-worker.ts';
import { failure } from '../../src/query/outcome.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import type { Query } from '../../src/query/query.ts';
import { clientQuery } from '../telemetry/support.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { answerWire } from './answer-wire.ts';

const outcome: Outcome = {
  kind: 'answer',
  answer: {
    kind: 'positive',
    wire: answerWire('www.example'),
    ttlSeconds: 300,
    authenticData: false,
    extendedErrors: [],
  },
  ageSeconds: 0,
  extendedErrors: [],
  layer: 'upstream',
};

interface Rig {
  readonly clock: VirtualClock;
  readonly stage: AskPrimaryStage;
  readonly asked: Query[];
  readonly reports: string[];
  readonly ask: (query: Query) => Promise<Outcome>;
  readonly workerEnd: ReturnType<typeof duplexPair>[0];
}

/** A worker's stage and its primary, which answers by `answer`. */
function rig(answer: (query: Query) => Promise<Outcome>, asksMax = 10): Rig {
  const [workerEnd, primaryEnd] = duplexPair();
  const clock = new VirtualClock();
  const stage = new AskPrimaryStage(workerEnd, clock, { asksMax, deadlineMs: 5000 });
  const asked: Query[] = [];
  const reports: string[] = [];
  void new AsksOfWorker(primaryEnd, {
    clock,
    asksMax: () => asksMax,
    answer: (query) => {
      asked.push(query);
      return answer(query);
    },
    report: (message) => reports.push(message),
  });
  const ask = (query: Query): Promise<Outcome> => stage.handle(query);
  return { clock, stage, asked, reports, ask, workerEnd };
}

const query = clientQuery('www.example', 'A');

describe('a worker asking its primary', () => {
  test('gets the outcome, and the primary sees what was asked and for what', async () => {
    const { ask, asked } = rig(() => Promise.resolve(outcome));
    expect(await ask({ ...query, purpose: 'refresh' })).toEqual(outcome);
    expect(asked[0]?.purpose).toBe('refresh');
    expect(asked[0]?.keyText).toBe(query.keyText);
  });

  test('gets each answer to its own question, in whatever order they come', async () => {
    const names = ['a.example', 'b.example', 'c.example'];
    const held = names.map(() => Promise.withResolvers<Outcome>());
    let next = 0;
    const { ask } = rig(() => held[next++]?.promise ?? Promise.resolve(outcome));
    const asks = names.map((name) => ask(clientQuery(name, 'A')));
    for (const [index, { resolve }] of [...held.entries()].toReversed()) {
      resolve(failure(index + 2, 'failure'));
    }
    const codes = (await Promise.all(asks)).map((one) => (one.kind === 'failure' ? one.code : 0));
    expect(codes).toEqual([2, 3, 4]);
  });

  test('has a failure at the deadline when the primary hangs', async () => {
    const { ask, clock, stage } = rig(() => new Promise(() => undefined));
    const asking = ask(query);
    await clock.advance(5500);
    expect(await asking).toMatchObject({ kind: 'failure', code: 2 });
    expect(stage.inFlight).toBe(0);
  });

  test('is refused beyond its limit, without asking', async () => {
    const { ask, asked } = rig(() => new Promise(() => undefined), 1);
    void ask(query);
    expect(await ask(query)).toMatchObject({ kind: 'failure', code: 2 });
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  test('has failures at once when the primary is gone', async () => {
    const { ask, workerEnd } = rig(() => new Promise(() => undefined));
    const asking = ask(query);
    workerEnd.destroy(); // as the system does then
    expect(await asking).toMatchObject({ kind: 'failure', code: 2 });
    expect(await ask(query)).toMatchObject({ kind: 'failure', code: 2 });
  });

  test('has a failure, and no more, from a stage that throws', async () => {
    const { ask, reports } = rig(() => Promise.reject(new Error('defect')));
    expect(await ask(query)).toMatchObject({ kind: 'failure', code: 2 });
    expect(reports).toEqual(['a stage failed']);
  });

  test('is cut off when it writes what cannot be read', async () => {
    const [workerEnd, primaryEnd] = duplexPair();
    const reports: string[] = [];
    void new AsksOfWorker(primaryEnd, {
      clock: new VirtualClock(),
      asksMax: () => 1,
      answer: () => Promise.resolve(outcome),
      report: (message) => reports.push(message),
    });
    workerEnd.write(Buffer.from('00000002ffff', 'hex'));
    await new Promise((resolve) => {
      primaryEnd.once('close', resolve);
    });
    expect(reports).toHaveLength(1);
  });
});
