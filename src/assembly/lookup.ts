import type { Clock } from '../base/clock.ts';
import { responseCodeName } from '../dns/codes.ts';
import { ageTtls, headerResponseCode, setTtls } from '../dns/message.ts';
import { describeMessage, formatRecord } from '../dns/presentation.ts';
import { encodeKey } from '../dns/question.ts';
import type { Question } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Next } from '../query/stage.ts';
import type { LookupReport } from '../telemetry/admin-actions.ts';

const plainFlags = { dnssecOk: false, checkingDisabled: false };

/** Asks a question as a client would, and says how the answer came about. */
export async function lookUp(
  question: Question,
  resolve: Next,
  clock: Clock,
): Promise<LookupReport> {
  const startedMs = clock.nowMs();
  const outcome = await resolve(ownQuery(encodeKey(question, plainFlags), 'client', startedMs));
  return { ...describe(outcome), durationMs: clock.nowMs() - startedMs };
}

function describe(outcome: Outcome): Omit<LookupReport, 'durationMs'> {
  if (outcome.kind === 'drop') {
    const extendedErrors = [outcome.reason];
    return { code: 'no answer', layer: 'admit', detail: null, extendedErrors, records: [] };
  }
  const { layer, detail = null } = outcome;
  const extendedErrors = outcome.extendedErrors.map(({ code, text }) => `${String(code)} ${text}`);
  if (outcome.kind === 'failure') {
    return { code: responseCodeName(outcome.code), layer, detail, extendedErrors, records: [] };
  }
  const wire = Buffer.from(outcome.answer.wire);
  if (outcome.staleTtlSeconds !== undefined) setTtls(wire, outcome.staleTtlSeconds);
  else ageTtls(wire, 0, wire.length, outcome.ageSeconds);
  const { answer, authority } = describeMessage(wire);
  const code = responseCodeName(headerResponseCode(wire));
  return {
    code,
    layer,
    detail,
    extendedErrors,
    records: [...answer, ...authority].map(formatRecord),
  };
}
