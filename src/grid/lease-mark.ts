import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Disbelief, Seal } from './seal.ts';

/** What lies under a question's key in the map of leases: who asks, or that asking failed just now. */
export type LeaseMark =
  | {
      readonly kind: 'holder';
      readonly replica: string;
      /** Another replica told that it waits. */
      readonly isAwaited: boolean;
    }
  | { readonly kind: 'failed'; readonly code: number };

/** In front of the code of a failure; no replica id begins so. */
const failedSign = '!';
/** In front of the id of a holder that somebody waits for; no replica id begins so. */
const awaitedSign = '?';
/** Longer than any replica id. */
const textBytesMax = 200;

/** @param place map and key that the mark will lie under */
export function encodeMark(place: string, mark: LeaseMark, seal: Seal): Buffer {
  return seal.seal(place, Buffer.from(textOf(mark)));
}

function textOf(mark: LeaseMark): string {
  if (mark.kind === 'failed') return `${failedSign}${String(mark.code)}`;
  return mark.isAwaited ? `${awaitedSign}${mark.replica}` : mark.replica;
}

/**
 * Sealed as answers are: else whoever reaches the grid could take any name away by a failure, or
 * delay it by a lease that nobody holds. Never throws.
 */
export function decodeMark(place: string, value: Buffer, seal: Seal): LeaseMark | Disbelief {
  const payload = seal.open(place, value);
  if (typeof payload === 'string') return payload;
  const text = payload.toString('utf8', 0, textBytesMax);
  if (!text.startsWith(failedSign)) {
    const isAwaited = text.startsWith(awaitedSign);
    return {
      kind: 'holder',
      replica: isAwaited ? text.slice(awaitedSign.length) : text,
      isAwaited,
    };
  }
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
