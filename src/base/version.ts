import { readFileSync } from 'node:fs';

/** As deep below package.json when built as in the sources. */
const packageFile = new URL('../../package.json', import.meta.url);

/** The version of this Heimdall. */
export function readVersion(): string {
  const content = JSON.parse(readFileSync(packageFile, 'utf8')) as { readonly version: string };
  return content.version;
}
