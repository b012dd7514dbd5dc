import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../base/clock.ts';
import { describeError, ListRefused } from '../base/errors.ts';
import type { CopyValidators } from './list-copies.ts';

/** Looks a host name up: its addresses, or an error. Not the system's way, which may lead to us. */
export type LookUpHost = (name: string) => Promise<readonly string[]>;

export interface DownloadOptions {
  /** Octets of a list. */
  readonly fileBytesMax: number;
  /** For all of it, redirections included. */
  readonly timeoutMs: number;
}

export interface DownloadDependencies {
  readonly clock: Clock;
  readonly lookUpHost: LookUpHost;
  /** Ends what is under way. */
  readonly stopped: AbortSignal;
}

/** What a server had: the same as before, or a list that was written to the file. */
export type Download =
  { readonly kind: 'unchanged' } | { readonly kind: 'new'; readonly validators: CopyValidators };

/** Lists move seldom; a server that sends on and on is left. */
const redirectionsMax = 5;
const redirectionStatuses = new Set([301, 302, 303, 307, 308]);

/**
 * Fetches a list by HTTP into a file, unless it is as the validators say.
 * @throws {ListRefused} when there is no list to be had: the file is then rubbish
 */
export async function downloadList(
  source: { readonly url: string; readonly file: string; readonly validators: CopyValidators },
  options: DownloadOptions,
  { clock, lookUpHost, stopped }: DownloadDependencies,
): Promise<Download> {
  const overdue = new AbortController();
  const timer = clock.setTimer(options.timeoutMs, () => overdue.abort());
  try {
    const get = new ListRequest(lookUpHost, AbortSignal.any([overdue.signal, stopped]));
    const response = await get.follow(source.url, headersOf(source.validators));
    if (response.statusCode === 304) {
      response.destroy();
      return { kind: 'unchanged' };
    }
    await writeBody(response, source.file, options.fileBytesMax);
    return { kind: 'new', validators: validatorsOf(response) };
  } catch (error) {
    if (error instanceof ListRefused) throw error;
    const seconds = String(options.timeoutMs / 1000);
    const why = overdue.signal.aborted ? `took more than ${seconds} s` : describeError(error);
    throw new ListRefused(`${source.url} cannot be fetched: ${why}`, { cause: error });
  } finally {
    timer.cancel();
  }
}

function headersOf({ etag, lastModified }: CopyValidators): OutgoingHttpHeaders {
  return {
    'user-agent': 'heimdall',
    'accept-encoding': 'identity',
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
  };
}

function validatorsOf({ headers }: IncomingMessage): CopyValidators {
  const { etag, 'last-modified': lastModified } = headers;
  return {
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

/** A GET that goes where it is sent on to. */
class ListRequest {
  readonly #lookUpHost: LookUpHost;
  readonly #signal: AbortSignal;

  constructor(lookUpHost: LookUpHost, signal: AbortSignal) {
    this.#lookUpHost = lookUpHost;
    this.#signal = signal;
  }

  /** @throws {ListRefused} for any other answer than a list, or "unchanged" */
  async follow(first: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    let url = new URL(first);
    for (let redirections = 0; redirections <= redirectionsMax; redirections++) {
      const response = await this.#get(url, headers);
      const { statusCode = 0 } = response;
      if (statusCode === 304 || statusCode === 200) return listOf(url, response);
      response.destroy();
      const { location } = response.headers;
      if (!redirectionStatuses.has(statusCode) || location === undefined) {
        throw new ListRefused(`${url.href} answers with status ${String(statusCode)}`);
      }
      url = nextUrl(url, location);
    }
    throw new ListRefused(`${first} redirects more than ${String(redirectionsMax)} times`);
  }

  #get(url: URL, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    const options: RequestOptions = {
      headers,
      signal: this.#signal,
      agent: false,
      lookup: (host, { all }, found) => {
        this.#lookUpHost(host).then(
          (addresses) => {
            const entries = addresses.map((address) => ({
              address,
              family: address.includes(':') ? 6 : 4,
            }));
            const [one] = entries;
            if (one === undefined) found(new ListRefused(`${host} has no address`), '', 4);
            else if (all === true) found(null, entries);
            else found(null, one.address, one.family);
          },
          (error: unknown) => found(new ListRefused(describeError(error)), '', 4),
        );
      },
    };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      send(url, options, resolve).on('error', reject).end();
    });
  }
}

/** Only to the web, and never from what is encrypted to what is not. */
function nextUrl(from: URL, location: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const isSafe = url?.protocol === 'https:' || url?.protocol === from.protocol;
  if (url === undefined || !isSafe) {
    throw new ListRefused(`${from.href} redirects to ${location}, which is not followed`);
  }
  return url;
}

function listOf(url: URL, response: IncomingMessage): IncomingMessage {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = response.headers;
  if (response.statusCode === 200 && (/\bhtml\b/i.test(type) || encoding !== 'identity')) {
    response.destroy();
    throw new ListRefused(`${url.href} is no list: ${type} in ${encoding}`);
  }
  return response;
}

/** Counts while it writes: what a server says of the length is not to be relied on. */
async function writeBody(response: IncomingMessage, path: string, bytesMax: number): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'w');
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        throw new ListRefused(`a list has more than ${String(bytesMax)} octets`);
      }
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    response.destroy();
    await file?.close();
  }
}
