import type { SocketAddress } from '../base/address.ts';
import type { Flush } from '../cache/bulletins.ts';
import type { Config } from '../config/schema.ts';
import type { FilterPause } from '../filter/filter-pauses.ts';
import type { LogChange } from '../telemetry/admin-actions.ts';
import type { WorkerFigures } from '../telemetry/worker-figures.ts';

/*
 * What primary and workers tell each other beside questions: seldom, and as JSON over the channel
 * that a forked process has. Both are processes of one program, so it is not checked like input.
 */

/** All that a worker needs to know to begin. */
export interface WorkerSetup {
  /** Without secrets: a worker has no use for them. */
  readonly config: Config;
  /** With the ports that the primary found. */
  readonly addresses: readonly SocketAddress[];
  /** Memory for its answers. */
  readonly cacheBytes: number;
  /** Memory of the worker above which its cache gives way, if it shall. */
  readonly memoryBytesMax?: number | undefined;
  readonly logLevel: LogChange['level'];
  /** Pauses of the filter that last. */
  readonly pauses: readonly FilterPause[];
  /** For server cookies: none is off. */
  readonly cookieSecrets: readonly string[];
}

/** What the primary asks of a worker; each is acknowledged. */
export type WorkerOrder =
  | { readonly name: 'flush'; readonly flush: FlushText }
  | { readonly name: 'reconfigure'; readonly config: Config }
  | { readonly name: 'log'; readonly change: LogChange }
  | { readonly name: 'pause'; readonly pause: FilterPause }
  | { readonly name: 'cookies'; readonly secrets: readonly string[] }
  /** Read the lists of the filter again where they have changed. */
  | { readonly name: 'lists' }
  | { readonly name: 'figures' }
  /** Finish what is under way, close, report for the last time, exit; others may go on with the port. */
  | { readonly name: 'drain'; readonly graceMs: number; readonly othersGoOn: boolean };

export type ToWorker =
  | { readonly kind: 'setup'; readonly setup: WorkerSetup }
  | { readonly kind: 'order'; readonly number: number; readonly order: WorkerOrder };

/** What came of an order: the number of entries that a flush forgot, and what is counted by now. */
export interface OrderReport {
  readonly forgotten?: number;
  readonly figures: WorkerFigures;
}

export type FromWorker =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'figures'; readonly figures: WorkerFigures }
  | { readonly kind: 'done'; readonly number: number; readonly report: OrderReport };

/** A flush whose names are text, as JSON wants it: wire form in base64. */
export type FlushText =
  { readonly kind: 'name' | 'suffix'; readonly name: string } | { readonly kind: 'all' };

export function flushToText(flush: Flush): FlushText {
  if (flush.kind === 'all') return flush;
  const name = flush.kind === 'name' ? flush.name : flush.suffix;
  return { kind: flush.kind, name: name.toString('base64') };
}

export function flushFromText(text: FlushText): Flush {
  if (text.kind === 'all') return { kind: 'all' };
  const name = Buffer.from(text.name, 'base64');
  return text.kind === 'name' ? { kind: 'name', name } : { kind: 'suffix', suffix: name };
}
