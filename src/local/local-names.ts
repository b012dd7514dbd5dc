import { parentName } from '../dns/name.ts';
import type { WrittenRecord } from '../dns/record-text.ts';
import type { LocalRdata } from '../query/local-answer.ts';
import type { LocalData } from '../query/local-data.ts';

/** What a name has here. */
export interface LocalEntry {
  readonly data: LocalData;
  /** The least of those of its records. */
  readonly ttlSeconds: number;
}

/** Records of names that are answered here, from the configuration and from hosts files. */
export class LocalNames {
  /** By name in wire form and lower case, as latin1; a wildcard by its own name. */
  readonly #entries = new Map<string, LocalEntry>();
  #hasWildcards = false;

  get size(): number {
    return this.#entries.size;
  }

  /** @param fallbackTtlSeconds for a record that says none */
  add({ owner, type, rdata, ttlSeconds }: WrittenRecord, fallbackTtlSeconds: number): void {
    const key = owner.toString('latin1');
    const known = this.#entries.get(key);
    const data = new Map<number, readonly LocalRdata[]>(known?.data);
    data.set(type, [...(data.get(type) ?? []), rdata]);
    const least = Math.min(ttlSeconds ?? fallbackTtlSeconds, known?.ttlSeconds ?? Infinity);
    this.#entries.set(key, { data, ttlSeconds: least });
    if (isWildcard(owner)) this.#hasWildcards = true;
  }

  /** The records of a name, or of the nearest wildcard above it (RFC 4592). */
  find(name: Buffer): LocalEntry | undefined {
    const own = this.#entries.get(name.toString('latin1'));
    if (own !== undefined || !this.#hasWildcards) return own;
    for (let at = parentName(name); at.length > 1; at = parentName(at)) {
      const text = at.toString('latin1');
      const wild = this.#entries.get(`\u0001*${text}`);
      if (wild !== undefined) return wild;
      if (this.#entries.has(text)) return undefined; // a name that exists ends the search
    }
    return undefined;
  }
}

function isWildcard(owner: Buffer): boolean {
  return owner[0] === 1 && owner[1] === 0x2a;
}
