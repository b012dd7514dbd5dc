import { createHmac, timingSafeEqual } from 'node:crypto';

/** Octets of the MAC that are kept: 128 bits, more than anybody forges. */
export const macLength = 16;

/** A secret that the replicas share. */
export interface SealKey {
  /** 1 to 255, written into each entry so that keys can be changed one replica at a time. */
  readonly id: number;
  readonly secret: Buffer;
}

/** Without a configured key entries are guarded against damage only. */
const noKey: SealKey = { id: 0, secret: Buffer.from('no key configured') };

/** Why something from the grid was not believed: label values of `heimdall_grid_entries_dropped_total`. */
export type Disbelief = 'malformed' | 'version' | 'unknown_key' | 'unauthenticated';

/**
 * Seals what goes to the grid and opens what comes back: HMAC-SHA256 over where it lies and what it
 * is, so that nobody without the key can write entries, and none can be moved to another name.
 *
 *     0   u8  id of the key
 *     1       payload
 *    -16      MAC
 */
export class Seal {
  readonly #first: SealKey;
  readonly #byId: ReadonlyMap<number, SealKey>;

  /** @param keys the first one seals, all of them open; none means entries are not authenticated */
  constructor(keys: readonly SealKey[]) {
    this.#first = keys[0] ?? noKey;
    this.#byId = new Map((keys.length > 0 ? keys : [noKey]).map((key) => [key.id, key]));
  }

  get isAuthenticated(): boolean {
    return this.#first.id !== noKey.id;
  }

  /** @param place map and key that the payload lies under */
  seal(place: string, payload: Buffer): Buffer {
    const body = Buffer.concat([Buffer.from([this.#first.id]), payload]);
    return Buffer.concat([body, mac(this.#first, place, body)]);
  }

  /** The payload, or why it is not believed. */
  open(place: string, sealed: Buffer): Buffer | Disbelief {
    if (sealed.length < 1 + macLength) return 'malformed';
    const key = this.#byId.get(sealed.readUInt8(0));
    if (key === undefined) return 'unknown_key';
    const body = sealed.subarray(0, sealed.length - macLength);
    const given = sealed.subarray(sealed.length - macLength);
    if (!timingSafeEqual(mac(key, place, body), given)) return 'unauthenticated';
    return body.subarray(1);
  }
}

function mac({ secret }: SealKey, place: string, body: Buffer): Buffer {
  const hmac = createHmac('sha256', secret);
  return hmac.update(place).update('\0').update(body).digest().subarray(0, macLength);
}
