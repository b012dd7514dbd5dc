import { nameLengthMax, parentName } from '../dns/name.ts';
import type { LocalData } from '../query/local-data.ts';

/** A name, or a suffix with all below it, that stands for another one or for addresses. */
export interface Rewrite {
  /** In wire form and lower case. */
  readonly name: Buffer;
  /** Whether the names below it are meant as well. */
  readonly isSuffix: boolean;
  /** The name that it stands for, in wire form; what stands in front of a suffix stays in front. */
  readonly to: Buffer | undefined;
  /** Where `to` is undefined: what is answered. */
  readonly data: LocalData;
}

/** What a rewrite makes of a name. */
export type Rewritten =
  | { readonly kind: 'alias'; readonly target: Buffer }
  | { readonly kind: 'data'; readonly data: LocalData };

/** The rewrites by name; the nearest one above a name decides. */
export class Rewrites {
  readonly #byName = new Map<string, Rewrite>();

  constructor(rewrites: readonly Rewrite[]) {
    for (const rewrite of rewrites) this.#byName.set(rewrite.name.toString('latin1'), rewrite);
  }

  find(name: Buffer): Rewritten | undefined {
    if (this.#byName.size === 0) return undefined;
    for (let at = name; at.length > 1; at = parentName(at)) {
      const rewrite = this.#byName.get(at.toString('latin1'));
      if (rewrite === undefined || (!rewrite.isSuffix && at.length !== name.length)) continue;
      if (rewrite.to === undefined) return { kind: 'data', data: rewrite.data };
      const front = name.subarray(0, name.length - at.length);
      const target = Buffer.concat([front, rewrite.to]);
      if (target.length <= nameLengthMax) return { kind: 'alias', target };
    }
    return undefined;
  }
}
