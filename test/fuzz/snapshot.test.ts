import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SnapshotRefused } from '../../src/base/errors.ts';
import { AnswerCache } from '../../src/cache/answer-cache.ts';
import { AnswerStore } from '../../src/cache/answer-store.ts';
import { Snapshot } from '../../src/cache/snapshot.ts';
import {
  decodeSnapshotEntries,
  digestLength,
  snapshotEnd,
  snapshotHeadLength,
} from '../../src/cache/snapshot-codec.ts';
import { recordTypeNumber } from '../../src/dns/codes.ts';
import { describeMessage } from '../../src/dns/presentation.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { sanitizeResponse } from '../../src/dns/sanitize.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { fuzz, randomOf, runsOf } from './fuzz-runs.ts';
import { randomQuestion, randomResponse } from './message-generator.ts';
import { below, mutate } from './message-mutation.ts';

const clock = new VirtualClock();
const directory = mkdtempSync(join(tmpdir(), 'heimdall-fuzz-'));
const path = join(directory, 'cache.snapshot');
const entries = 60;
const flags = { dnssecOk: false, checkingDisabled: false };
const ttl = { ttlMinSeconds: 0, ttlMaxSeconds: 86_400, negativeTtlMaxSeconds: 1800 };
let file: Buffer;

function newCache(): AnswerCache {
  const prefetch = { enabled: false, hitsMin: 1, remainingShare: 0 };
  return new AnswerCache(new AnswerStore(1024 ** 2, 1), prefetch);
}

beforeAll(async () => {
  const cache = newCache();
  const random = randomOf(0);
  while (cache.figures().entries < entries) {
    const asked = randomQuestion(random);
    const type = recordTypeNumber(asked.type.replace('UNKNOWN_', 'TYPE')) ?? 1;
    const question = { name: parseName(asked.name.toLowerCase()), type };
    const options = { dnssecOk: false, trustAuthenticData: true, ttl };
    const sanitized = sanitizeResponse(randomResponse(asked, random), question, options);
    if (sanitized.kind !== 'answer') continue;
    cache.keep(encodeKey(question, flags), sanitized.answer, clock.nowMs(), 0);
  }
  await new Snapshot(path, cache, clock).save();
  file = await readFile(path);
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('a damaged snapshot', () => {
  const runs = runsOf(0.01);

  test(
    `is refused whole, and nothing of it is loaded (${String(runs)} runs)`,
    async () => {
      const random = randomOf(1);
      const damagedPath = join(directory, 'damaged.snapshot');
      for (let run = 0; run < runs; run++) {
        const damaged = mutate(file, random);
        if (damaged.equals(file)) continue;
        writeFileSync(damagedPath, damaged);
        const cache = newCache();
        const load = new Snapshot(damagedPath, cache, clock).load(86_400);
        await expect(load).rejects.toThrow(SnapshotRefused);
        expect(cache.figures().entries).toBe(0);
      }
    },
    20_000 + runs * 20,
  );

  fuzz(
    'that has its checksum right gives entries that can be served, or is refused',
    0.02,
    (random) => {
      const body = file.subarray(snapshotHeadLength, -digestLength - snapshotEnd.length);
      const damaged = mutate(body, random);
      const tail = Buffer.alloc(digestLength + snapshotEnd.length);
      const whole = Buffer.concat([file.subarray(0, snapshotHeadLength), damaged, tail]);
      const cache = newCache();
      const nowMs = clock.nowMs();
      const out = Buffer.alloc(65_535);
      try {
        for (const { key, answer } of [...decodeSnapshotEntries(whole)]) {
          cache.restore(key, answer, nowMs, below(random, 100));
          const recalled = cache.recall(key, nowMs, false);
          if (recalled !== undefined) describeMessage(recalled.entry.answer.wire);
          const length = cache.serve(Buffer.from(key), key.length, nowMs, out, 0, 65_535);
          if (length > 0) describeMessage(out.subarray(0, length));
        }
      } catch (error) {
        if (!(error instanceof SnapshotRefused)) throw error;
      }
    },
  );
});
