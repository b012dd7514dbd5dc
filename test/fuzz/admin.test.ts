import { describe, expect, test } from '@jest/globals';
import fastCheck from 'fast-check';
import { RequestRefused } from '../../src/base/errors.ts';
import { readEntriesQuery, readFlush, readLogChange } from '../../src/telemetry/admin-requests.ts';
import { runsOf, seed } from './fuzz-runs.ts';

const parameters = { seed: seed | 0, numRuns: runsOf(0.01) };
const testMs = 20_000 + parameters.numRuns * 20;

const texts = ['name', 'suffix', 'all', 'level', 'queries', 'enabled', 'sampleShare', 'clients'];
const word = fastCheck.oneof(
  fastCheck.constantFrom('example.com', 'debug', 'prefix', 'none', '\\', '..', 'TYPE65', 'AAAA'),
  fastCheck.string({ unit: 'binary' }),
);
const value = fastCheck.oneof(word, fastCheck.boolean(), fastCheck.double(), fastCheck.anything());
const object = fastCheck.dictionary(fastCheck.constantFrom(...texts, '__proto__'), value);
const body = fastCheck.oneof(
  object,
  fastCheck.record({ queries: object }),
  fastCheck.anything(),
  fastCheck.json().map((text): unknown => JSON.parse(text)),
);

/** What is read is used; what is not is refused, and never otherwise. */
function orRefused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    expect(error.status).toBe(400);
  }
}

describe('admin requests of any content are read or refused', () => {
  test.each([
    ['flush', readFlush],
    ['log', readLogChange],
  ] as const)(
    'the body of %s',
    (_what, read) => {
      fastCheck.assert(
        fastCheck.property(body, (content) => orRefused(() => read(content))),
        parameters,
      );
    },
    testMs,
  );

  test(
    'the parameters of entries',
    () => {
      const pairs = fastCheck.array(
        fastCheck.tuple(fastCheck.constantFrom('name', 'type', 'other'), word),
        { maxLength: 4 },
      );
      fastCheck.assert(
        fastCheck.property(pairs, (list) =>
          orRefused(() => readEntriesQuery(new URLSearchParams(list))),
        ),
        parameters,
      );
    },
    testMs,
  );
});
