import type { ILogger } from 'hazelcast-client';
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';

/** Port: where the client's own messages go. */
export interface GridLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The client complains anew at every attempt to connect; once in this time is enough. */
const repeatIntervalMs = 60_000;
/** Different complaints remembered. */
const messagesMax = 100;

/** The client's messages as ours: what it repeats is told once a minute, what it chats is `debug`. */
export function hazelcastLogger(clock: Clock, log: GridLog): ILogger {
  const toldAtMs = new BoundedMap<string, number>(messagesMax);
  const isRepeated = (message: string): boolean => {
    const pattern = message.replaceAll(/[\d.]+/g, '#'); // attempts and delays differ each time
    const nowMs = clock.nowMs();
    const lastMs = toldAtMs.get(pattern);
    if (lastMs !== undefined && nowMs - lastMs < repeatIntervalMs) return true;
    toldAtMs.set(pattern, nowMs);
    return false;
  };
  const tell =
    (level: 'warn' | 'error') =>
    (part: string, message: string, details?: unknown): void => {
      if (isRepeated(message)) log.debug(text(message), fieldsOf(part, details));
      else log[level](text(message), fieldsOf(part, details));
    };
  const chat = (part: string, message: string, details?: unknown): void => {
    log.debug(text(message), fieldsOf(part, details));
  };
  return {
    log: (_level, part, message, details: unknown) => chat(part, message, details),
    error: tell('error'),
    warn: tell('warn'),
    info: chat,
    debug: chat,
    trace: () => undefined, // one line for each call
  };
}

function text(message: string): string {
  return `grid client: ${message}`;
}

function fieldsOf(part: string, details: unknown): Readonly<Record<string, unknown>> {
  return details === undefined || details === null
    ? { part }
    : { part, details: describeError(details) };
}
