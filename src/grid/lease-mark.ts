import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import type { Outcome } from '../query/outcome.ts';

/** What lies under a question's key in the map of leases: who asks, or that asking failed just now. */
export type LeaseMark =
  | { readonly kind: 'holder'; readonly replica: string }
  | { readonly kind: 'failed'; readonly code: number };

/** In front of the code of a failure; no replica id begins so. */
const failedSign = '!';

export function encodeMark(mark: LeaseMark): Buffer {
  return Buffer.from(mark.kind === 'holder' ? mark.replica : `${failedSign}${String(mark.code)}`);
}

/** Never fails: what is no failure of ours counts as somebody's lease, which expires soon. */
export function decodeMark(value: Buffer): LeaseMark {
  const text = value.toString('utf8', 0, 100);
  if (!text.startsWith(failedSign)) return { kind: 'holder', replica: text };
  const code = Number(text.slice(failedSign.length));
  const isFailure = Number.isInteger(code) && code >= 0 && code <= 0xfff;
  const isAnswer = code === responseCode.NOERROR || code === responseCode.NXDOMAIN;
  return { kind: 'failed', code: isFailure && !isAnswer ? code : responseCode.SERVFAIL };
}

/** The failure of another replica as an outcome here (RFC 9520 for the cluster). */
export function sharedFailure(code: number): Outcome {
  const text = 'another replica failed to resolve this a moment ago';
  return {
    kind: 'failure',
    code,
    layer: 'l2',
    extendedErrors: [{ code: extendedErrorCode.CACHED_ERROR, text }],
  };
}
