/** A relation between options that does not hold; it is reported at `path`. */
export interface Conflict {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}
