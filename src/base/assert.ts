import { AssertionFailed } from './errors.ts';

/**
 * States what must hold at this point, at both ends of a boundary.
 * @throws {AssertionFailed} when it does not: a defect of ours, never bad input.
 */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailed(claim);
}

/** For the branch that no value can reach; the compiler refuses it where one can. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected value ${JSON.stringify(value)}`);
}
