import { extendedErrorCode, responseCode, responseCodeName } from '../dns/codes.ts';
import type { ExtendedError } from '../dns/edns.ts';
import type { Outcome } from '../query/outcome.ts';
import type { AttemptResult } from './attempt.ts';

/** More says nothing more, and an extended error has to fit into a UDP response. */
const serversNamedMax = 4;
const passedOnMax = 3;

/** How asking one upstream failed; undefined: it has not responded. */
export interface FailedAttempt {
  readonly server: string;
  readonly result: Exclude<AttemptResult, { kind: 'answer' }> | undefined;
}

/** The failure of a query that was not even asked. */
export function notAsked(code: number, text: string): Outcome {
  return {
    kind: 'failure',
    code: responseCode.SERVFAIL,
    extendedErrors: [{ code, text }],
    layer: 'failure',
    silent: [],
  };
}

/**
 * The failure of a query that no upstream answered: SERVFAIL, or REFUSED where all said so; with
 * the extended errors of the upstreams, and one that says what happened (RFC 8914 section 4).
 */
export function failureOf(attempts: readonly FailedAttempt[]): Outcome {
  const isRefused =
    attempts.length > 0 && attempts.every(({ result }) => codeOf(result) === responseCode.REFUSED);
  return {
    kind: 'failure',
    code: isRefused ? responseCode.REFUSED : responseCode.SERVFAIL,
    extendedErrors: [...passedOn(attempts), ownError(attempts)],
    layer: 'failure',
    detail: attempts
      .slice(0, serversNamedMax)
      .map(({ server }) => server)
      .join(' '),
    ...(attempts.every(isSilent) ? { silent: attempts.map(({ server }) => server) } : {}),
  };
}

/** Whether nothing came from there; a response that cannot be read is something. */
function isSilent({ result }: FailedAttempt): boolean {
  return result === undefined || (result.kind === 'broken' && result.reason !== 'malformed');
}

function codeOf(result: FailedAttempt['result']): number | undefined {
  return result?.kind === 'error' ? result.code : undefined;
}

function passedOn(attempts: readonly FailedAttempt[]): ExtendedError[] {
  const byCode = new Map<number, ExtendedError>();
  for (const { result } of attempts) {
    for (const error of result?.kind === 'error' ? result.extendedErrors : []) {
      if (!byCode.has(error.code)) byCode.set(error.code, error);
    }
  }
  return [...byCode.values()].slice(0, passedOnMax);
}

/**
 * 22 where an upstream was silent or refused to recurse for us, 23 where the network failed, 24
 * where a response could not be read, else 0: they were reached, and could not answer.
 */
function ownError(attempts: readonly FailedAttempt[]): ExtendedError {
  const reasons = attempts.map(({ result }) => kindOf(result));
  const order = [
    extendedErrorCode.NETWORK_ERROR,
    extendedErrorCode.NO_REACHABLE_AUTHORITY,
    extendedErrorCode.INVALID_DATA,
  ];
  const code = order.find((candidate) => reasons.includes(candidate)) ?? extendedErrorCode.OTHER;
  const named = attempts.slice(0, serversNamedMax).map(describe);
  const more = attempts.length - named.length;
  const rest = more > 0 ? `, ${String(more)} more` : '';
  return { code, text: `no upstream answered: ${named.join(', ')}${rest}` };
}

function kindOf(result: FailedAttempt['result']): number {
  if (result?.kind === 'error') {
    return result.code === responseCode.REFUSED || result.referral
      ? extendedErrorCode.NO_REACHABLE_AUTHORITY
      : extendedErrorCode.OTHER;
  }
  switch (result?.reason) {
    case 'network':
    case 'refused_connection':
    case 'closed':
    case 'certificate':
    case 'protocol':
      return extendedErrorCode.NETWORK_ERROR;
    case 'malformed':
      return extendedErrorCode.INVALID_DATA;
    case 'exhausted':
      return extendedErrorCode.OTHER;
    case 'timeout':
    case undefined:
      return extendedErrorCode.NO_REACHABLE_AUTHORITY;
  }
}

function describe({ server, result }: FailedAttempt): string {
  if (result === undefined) return `${server} timeout`;
  if (result.kind === 'broken') return `${server} ${result.reason.replace('_', ' ')}`;
  return `${server} ${result.referral ? 'referral' : responseCodeName(result.code)}`;
}
