import type { Asked } from '../scenario/asking-client.ts';
import { Truth } from './truth.ts';

/** Stale answers of L1 and L2 are kept so long (`cache.serveStale.staleSecondsMax`). */
const staleSecondsMax = 86_400;
/** TTLs are whole seconds, and stamps have steps of 10 ms. */
const ttlSlackSeconds = 1.02;

/** What must hold of a response, whatever went wrong with the grid. */
export interface Expectation {
  /** The upstream answers everything: then a failure may not be. */
  readonly upstreamIsWell: boolean;
  /** The latest that an answer may come. */
  readonly latencyMaxMs: number;
}

/** What is wrong with what came of a question; nothing, usually. */
export function violationsOf(asked: Asked, expected: Expectation, nowMs: number): string[] {
  const { result, question, askedAtMs } = asked;
  const about = `${question.name} asked at ${String(askedAtMs)}`;
  if (result.kind === 'waiting') {
    const isLate = nowMs - askedAtMs > expected.latencyMaxMs;
    return isLate ? [`${about} was not answered in ${String(expected.latencyMaxMs)} ms`] : [];
  }
  if (result.kind === 'silence') return [`${about} was dropped`];
  const problems: string[] = [];
  const latencyMs = result.atMs - askedAtMs;
  if (latencyMs > expected.latencyMaxMs) {
    problems.push(`${about} was answered after ${String(latencyMs)} ms`);
  }
  const { message } = result.response;
  const code = message.responseCode;
  const index = Number(/^n(\d+)\./.exec(question.name)?.[1] ?? '0');
  const isFailure = code !== 'NOERROR' && code !== 'NXDOMAIN';
  if (isFailure && expected.upstreamIsWell) problems.push(`${about} got ${code}`);
  if (isFailure) return problems;
  const expectedCode = Truth.exists(index) ? 'NOERROR' : 'NXDOMAIN';
  if (code !== expectedCode) problems.push(`${about} got ${code}, not ${expectedCode}`);
  return [...problems, ...ttlViolations(asked, index, about)];
}

/** No answer beyond its TTL, in any layer, but for stale ones that say so (RFC 8767). */
function ttlViolations({ result }: Asked, index: number, about: string): string[] {
  if (result.kind !== 'response') return [];
  const { message } = result.response;
  const isStale = message.extendedErrors.some(({ code }) => code === 3 || code === 19);
  const [record] = message.answer;
  if (record === undefined) return [];
  const ageSeconds = Truth.ageMs(record.data, result.atMs) / 1000;
  const ttlSeconds = Truth.ttlSecondsOf(index);
  const what = `${about}: age ${ageSeconds.toFixed(2)} s, TTL ${String(record.ttlSeconds)} of ${String(ttlSeconds)}`;
  if (isStale) {
    const isOver = ageSeconds > ttlSeconds + staleSecondsMax;
    return isOver || record.ttlSeconds > 30 ? [`${what}, stale too long`] : [];
  }
  const allowedSeconds = Math.max(0, ttlSeconds - ageSeconds + ttlSlackSeconds);
  return record.ttlSeconds > allowedSeconds ? [`${what}: served beyond its TTL`] : [];
}
