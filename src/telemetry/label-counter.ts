/** More than any closed list of reasons here has; a guard against a list that is not closed. */
const valuesMax = 32;
const beyond = 'other';

/**
 * Counts by one label. Known values stand at 0 from the start, so that a rate sees their first
 * increase; beyond {@link valuesMax} values all further ones are counted as `other`.
 */
export class LabelCounter<Value extends string = string> {
  readonly #totals: Map<string, number>;

  constructor(known: readonly Value[]) {
    this.#totals = new Map(known.map((value) => [value, 0]));
  }

  count(value: Value): void {
    const known = this.#totals.get(value);
    if (known === undefined && this.#totals.size >= valuesMax) {
      this.#totals.set(beyond, (this.#totals.get(beyond) ?? 0) + 1);
      return;
    }
    this.#totals.set(value, (known ?? 0) + 1);
  }

  total(value: Value): number {
    return this.#totals.get(value) ?? 0;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#totals.entries();
  }
}
