import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errorCode, SnapshotRefused } from '../base/errors.ts';
import type { AnswerCache } from './answer-cache.ts';
import {
  checkSnapshotHead,
  decodeSnapshotEntries,
  digestLength,
  encodeSnapshotEntry,
  encodeSnapshotHead,
  snapshotEnd,
  snapshotHeadLength,
} from './snapshot-codec.ts';

/** Entries copied at a time between two turns of the event loop: about a millisecond. */
const entriesPerSlice = 1000;
/** A file is read whole; more than this is none of ours. */
const fileBytesMax = 2 ** 31 - 1;

/**
 * The cache on disk. Written beside the file and moved into its place, so that a crash leaves the
 * old one; read only when version and digest are right. TTLs go on while it lies there, because an
 * entry says at which time its TTLs were right.
 */
export class Snapshot {
  readonly #path: string;
  readonly #cache: AnswerCache;
  readonly #clock: Clock;
  #saving: Promise<number> | undefined;

  constructor(path: string, cache: AnswerCache, clock: Clock) {
    this.#path = path;
    this.#cache = cache;
    this.#clock = clock;
  }

  /**
   * Writes all entries. A call while one is under way gets the same result.
   * @returns how many entries
   */
  save(): Promise<number> {
    this.#saving ??= this.#write().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  /**
   * Puts the entries of the file into the cache, but for those past their stale time.
   * @returns how many, or undefined when there is no file
   * @throws {SnapshotRefused} when it is damaged, foreign, of another version or from the future;
   *   the cache is as it was
   */
  async load(staleSecondsMax: number): Promise<number | undefined> {
    const file = await this.#read();
    if (file === undefined) return undefined;
    const nowWallMs = this.#clock.wallMs();
    checkSnapshotHead(file, nowWallMs);
    checkDigest(file);
    const nowMs = this.#clock.nowMs();
    let restored = 0;
    for (const { key, answer, ttlsRightAtWallMs } of [...decodeSnapshotEntries(file)]) {
      const ageSeconds = Math.max(0, (nowWallMs - ttlsRightAtWallMs) / 1000);
      if (ageSeconds > answer.ttlSeconds + staleSecondsMax) continue;
      if (this.#cache.restore(key, answer, nowMs, ageSeconds)) restored++;
    }
    return restored;
  }

  async #read(): Promise<Buffer | undefined> {
    try {
      const { size } = await stat(this.#path);
      if (size > fileBytesMax) throw new SnapshotRefused('it has more than 2 GiB');
      return await readFile(this.#path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(): Promise<number> {
    const temporary = `${this.#path}.new`;
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(temporary, 'w', 0o600);
    try {
      const entries = await this.#writeEntries(file);
      await file.sync();
      await file.close();
      await rename(temporary, this.#path);
      return entries;
    } catch (error) {
      await file.close().catch(() => undefined); // it may be closed already
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #writeEntries(file: FileHandle): Promise<number> {
    const hash = createHash('sha256');
    const write = async (octets: Buffer): Promise<void> => {
      hash.update(octets);
      await file.writeFile(octets);
    };
    await write(encodeSnapshotHead(this.#clock.wallMs()));
    const wallOffsetMs = this.#clock.wallMs() - this.#clock.nowMs();
    let written = 0;
    for (const entries of this.#cache.slices(entriesPerSlice)) {
      await write(Buffer.concat(entries.map((entry) => encodeSnapshotEntry(entry, wallOffsetMs))));
      written += entries.length;
    }
    await write(snapshotEnd);
    await file.writeFile(hash.digest());
    return written;
  }
}

function checkDigest(file: Buffer): void {
  const bodyEnd = file.length - digestLength;
  if (bodyEnd < snapshotHeadLength + snapshotEnd.length) {
    throw new SnapshotRefused('it is cut off');
  }
  const digest = createHash('sha256').update(file.subarray(0, bodyEnd)).digest();
  if (!digest.equals(file.subarray(bodyEnd))) {
    throw new SnapshotRefused('its checksum is wrong: it was damaged or cut off');
  }
}
