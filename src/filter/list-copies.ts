import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a server said of a copy, to be asked with whether it has changed (RFC 9110 section 8.8). */
export interface CopyValidators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** Hexadecimal digits of the hash that a copy is named by: enough to tell all URLs apart. */
const nameDigits = 32;

/** Where the last good copy of a URL lies; every process of a replica reads it there. */
export function copyPath(directory: string, url: string): string {
  const digest = createHash('sha256').update(url).digest('hex').slice(0, nameDigits);
  return join(directory, `${digest}.list`);
}

/** Where a copy is written that is not known to be good yet. */
export function unfinishedPath(copy: string): string {
  return `${copy}.unfinished`;
}

/** What is known of a copy; nothing where it cannot be read, so that it is fetched whole. */
export async function readValidators(copy: string): Promise<CopyValidators> {
  try {
    const found: unknown = JSON.parse(await readFile(`${copy}.json`, 'utf8'));
    if (typeof found !== 'object' || found === null) return {};
    return {
      ...('etag' in found && typeof found.etag === 'string' && { etag: found.etag }),
      ...('lastModified' in found &&
        typeof found.lastModified === 'string' && { lastModified: found.lastModified }),
    };
  } catch {
    return {};
  }
}

/**
 * Puts a finished copy in the place of the last one. What is said of it goes first and comes last:
 * a process that is killed between leaves a copy that is fetched again, never one that is taken
 * for a newer one.
 */
export async function keepCopy(copy: string, validators: CopyValidators): Promise<void> {
  await rm(`${copy}.json`, { force: true });
  await rename(unfinishedPath(copy), copy);
  await writeFile(`${copy}.json`, JSON.stringify(validators));
}
