import { HazelcastSerializationError } from 'hazelcast-client';
import type { EntryEvent, IMap } from 'hazelcast-client';
import type { GridMap, MapListener } from './grid.ts';

/** An entry that is no bytes, whoever wrote it: no decoder takes it for one of ours. */
const noBytes = Buffer.alloc(0);

/** Keys and values of a map that others may write to as well. */
export type ForeignMap = IMap<unknown, unknown>;

/**
 * An IMap with text for keys and bytes for values. Values are copied: what the client returns is a
 * part of a socket chunk of up to 64 KiB, which would stay in memory with it.
 */
export class HazelcastMap implements GridMap {
  readonly #map: ForeignMap;
  readonly #listen: (withValue: boolean, listener: MapListener) => Promise<void>;

  /** @param listen registers a listener so that it outlives this client */
  constructor(
    map: ForeignMap,
    listen: (withValue: boolean, listener: MapListener) => Promise<void>,
  ) {
    this.#map = map;
    this.#listen = listen;
  }

  async get(key: string): Promise<Buffer | undefined> {
    try {
      return bytesOf(await this.#map.get(key));
    } catch (error) {
      if (isUnreadable(error)) return noBytes;
      throw error;
    }
  }

  set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    return this.#map.set(key, value, ttlMs);
  }

  async putIfAbsent(key: string, value: Buffer, ttlMs: number): Promise<Buffer | undefined> {
    try {
      return bytesOf(await this.#map.putIfAbsent(key, value, ttlMs));
    } catch (error) {
      if (isUnreadable(error)) return noBytes;
      throw error;
    }
  }

  replaceIfSame(key: string, expected: Buffer, value: Buffer): Promise<boolean> {
    return this.#map.replaceIfSame(key, expected, value);
  }

  async keepFor(key: string, ttlMs: number): Promise<void> {
    await this.#map.setTtl(key, ttlMs);
  }

  async removeIfSame(key: string, expected: Buffer): Promise<boolean> {
    return (await this.#map.remove(key, expected)) === true;
  }

  remove(key: string): Promise<void> {
    return this.#map.delete(key);
  }

  clear(): Promise<void> {
    return this.#map.clear();
  }

  async keys(): Promise<string[]> {
    const keys = await this.#map.keySet();
    return keys.filter((key) => typeof key === 'string');
  }

  async entries(): Promise<[key: string, value: Buffer][]> {
    try {
      return textEntries(await this.#map.entrySet());
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return this.#entriesOneByOne(); // one unreadable value must not hide all others
    }
  }

  async #entriesOneByOne(): Promise<[key: string, value: Buffer][]> {
    const keys = await this.keys();
    const entries = keys.map(async (key) => [key, await this.get(key)] as const);
    return textEntries(await Promise.all(entries));
  }

  async writtenAtMs(key: string): Promise<number | undefined> {
    // Null where there is no entry, whatever the typings say.
    const view = (await this.#map.getEntryView(key)) as Awaited<
      ReturnType<ForeignMap['getEntryView']>
    > | null;
    if (view === null) return undefined;
    const writtenMs = Math.max(view.creationTime.toNumber(), view.lastUpdateTime.toNumber());
    return writtenMs > 0 ? writtenMs : undefined; // negative where the map keeps no statistics
  }

  listen(withValue: boolean, listener: MapListener): Promise<void> {
    return this.#listen(withValue, listener);
  }
}

/** Whether the listener is to be told still; a registration that failed may come to life later. */
export interface Registration {
  isActive: boolean;
}

/**
 * Registers with the members. Entries that expire or are evicted are not told of: that would be an
 * event for each entry and replica, late by the sweeper's delay.
 */
export async function registerListener(
  map: ForeignMap,
  withValue: boolean,
  listener: MapListener,
): Promise<void> {
  const registration: Registration = { isActive: true };
  const written = ({ key, value }: EntryEvent<unknown, unknown>): void => {
    if (!registration.isActive || typeof key !== 'string') return;
    listener.written(key, withValue ? bytesOf(value) : undefined);
  };
  const removed = ({ key }: EntryEvent<unknown, unknown>): void => {
    if (registration.isActive && typeof key === 'string') listener.removed(key);
  };
  try {
    const handlers = { added: written, updated: written, merged: written, removed };
    await map.addEntryListener(handlers, undefined, withValue);
  } catch (error) {
    registration.isActive = false;
    throw error;
  }
}

function textEntries(
  entries: readonly (readonly [unknown, unknown])[],
): [key: string, value: Buffer][] {
  return entries.flatMap(([key, value]): [string, Buffer][] => {
    const bytes = bytesOf(value);
    return typeof key === 'string' && bytes !== undefined ? [[key, bytes]] : [];
  });
}

/** A copy; undefined for what is not there. */
function bytesOf(value: unknown): Buffer | undefined {
  if (value === null || value === undefined) return undefined;
  if (!Buffer.isBuffer(value)) return noBytes;
  const copy = Buffer.allocUnsafeSlow(value.length); // not of the pool: it would pin 64 KiB as well
  copy.set(value);
  return copy;
}

/** Something is there that this client has no class for: the client says so in two ways. */
function isUnreadable(error: unknown): boolean {
  return error instanceof HazelcastSerializationError || error instanceof RangeError;
}
