/** What a flush removes. */
export type Flush =
  | { readonly kind: 'name'; readonly name: Buffer }
  | { readonly kind: 'suffix'; readonly suffix: Buffer }
  | { readonly kind: 'all' };

/** Port to the other replicas for what all must know at once. Never rejects, never blocks. */
export interface Bulletins {
  /** Tells the others of a flush that was done here. */
  publishFlush(flush: Flush): void;
  /** Calls `apply` for every flush that another replica published. */
  onFlush(apply: (flush: Flush) => void): void;
}

/** No grid: nobody to tell, nobody to hear. */
export const noBulletins: Bulletins = {
  publishFlush: () => undefined,
  onFlush: () => undefined,
};
