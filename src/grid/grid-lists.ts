import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { sha256Hex } from '../base/digest.ts';
import type { SharedCopies, SharedCopy } from '../filter/shared-copies.ts';
import type { GridCall, GridCaller } from './grid-caller.ts';
import type { GridMap } from './grid.ts';
import type { Seal } from './seal.ts';
import { asRecord, openJson, sealJson } from './sealed-json.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Octets of one entry: a member moves small ones without holding up others. */
const partBytes = 256 * 1024;
/** Compressed lists above that stay out of the grid: each replica fetches them. */
const sharedBytesMax = 16 * 1024 * 1024;
const partsMax = sharedBytesMax / partBytes;
/** Nobody waits but the list. */
const deadlineMs = 5000;
/** A replica that starts waits for the grid so long before it asks by itself. */
const contactMs = 2000;

export interface GridListsParts {
  readonly caller: GridCaller;
  readonly seal: Seal;
  /** Resolves when the grid was reached, or its time is over. */
  readonly contact: (timeoutMs: number) => Promise<void>;
}

/**
 * Lists that lie elsewhere, in the grid: under the URL what it is, sealed; behind it the compressed
 * octets in parts, which its digest vouches for. All of it lives until a look is due.
 */
export class GridLists implements SharedCopies {
  readonly #mapName: string;
  readonly #replicaId: string;
  readonly #parts: GridListsParts;
  /** One wait for the grid, however many lists. */
  #contact: Promise<void> | undefined;

  constructor(
    options: { readonly prefix: string; readonly replicaId: string },
    parts: GridListsParts,
  ) {
    this.#mapName = `${options.prefix}.lists`;
    this.#replicaId = options.replicaId;
    this.#parts = parts;
  }

  async look(url: string): Promise<SharedCopy | undefined> {
    await (this.#contact ??= this.#parts.contact(contactMs));
    const sealed = await this.#try((map) => map.get(url));
    if (sealed === undefined) return undefined;
    const opened = openJson(this.#parts.seal, this.#placeOf(url), sealed);
    return typeof opened === 'string' ? undefined : copyFrom(url, opened.value);
  }

  async read(
    { url, digest }: SharedCopy,
    bytesMax: number,
  ): Promise<Buffer<ArrayBuffer> | undefined> {
    const pieces: Buffer[] = [];
    for (let part = 0; part < partsMax; part++) {
      const piece = await this.#try((map) => map.get(partKey(url, digest, part)));
      if (piece === undefined || piece.length === 0) break;
      pieces.push(piece);
    }
    try {
      const octets = await expand(Buffer.concat(pieces), { maxOutputLength: bytesMax });
      return (await sha256Hex(octets)) === digest ? octets : undefined;
    } catch {
      return undefined; // not whole, or not ours
    }
  }

  async claim(url: string, forMs: number): Promise<boolean> {
    const mine = this.#claimant;
    const claimed = await this.#try(async (map) => ({
      holder: await map.putIfAbsent(claimKey(url), mine, forMs),
    }));
    return claimed?.holder === undefined || claimed.holder.equals(mine);
  }

  async release(url: string): Promise<void> {
    await this.#try((map) => map.removeIfSame(claimKey(url), this.#claimant));
  }

  async share(copy: SharedCopy, octets: Buffer, forMs: number): Promise<void> {
    const compressed = await compress(octets);
    if (compressed.length > sharedBytesMax) return;
    const { url, digest, validators } = copy;
    for (let part = 0; part * partBytes < compressed.length; part++) {
      const piece = compressed.subarray(part * partBytes, (part + 1) * partBytes);
      const isStored = await this.#try(async (map) => {
        await map.set(partKey(url, digest, part), piece, forMs);
        return true;
      });
      if (isStored !== true) return; // without a part of it nobody is to believe that it is there
    }
    const sealed = sealJson(this.#parts.seal, this.#placeOf(url), { digest, ...validators });
    await this.#try((map) => map.set(url, sealed, forMs));
  }

  get #claimant(): Buffer {
    return Buffer.from(this.#replicaId);
  }

  #placeOf(url: string): string {
    return `${this.#mapName}/${url}`;
  }

  /** @returns undefined when the grid is not there, or too slow */
  async #try<T>(task: (map: GridMap) => Promise<T>): Promise<T | undefined> {
    const call: GridCall<T> = {
      operation: 'lists',
      deadlineMs,
      run: async (session) => task(await session.map(this.#mapName)),
    };
    const result = await this.#parts.caller.call(call);
    return result.outcome === 'ok' ? result.value : undefined;
  }
}

function claimKey(url: string): string {
  return `${url}?claim`;
}

function partKey(url: string, digest: string, part: number): string {
  return `${url}?${digest}/${String(part)}`;
}

/** What came from the grid is looked at piece by piece. */
function copyFrom(url: string, value: unknown): SharedCopy | undefined {
  const { digest, etag, lastModified } = asRecord(value);
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return undefined;
  return {
    url,
    digest,
    validators: {
      ...(typeof etag === 'string' && { etag }),
      ...(typeof lastModified === 'string' && { lastModified }),
    },
  };
}
