import type { ExchangeFailure } from '../base/errors.ts';

/** A wrong certificate or protocol does not go away by itself: it is told what is wrong with it. */
export function explained(reason: ExchangeFailure, text: string | undefined): string {
  const isOfUse = reason === 'certificate' || reason === 'protocol';
  return isOfUse && text !== undefined ? `${reason}: ${text}` : reason;
}
