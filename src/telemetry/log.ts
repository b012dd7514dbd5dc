/** From the most to the least severe. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * What a line tells beside its message. Values are data: they are never put into the message, so
 * that a line can be searched by field and nobody's input can pose as another line.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the outermost layer says what happened. Writing never throws and never waits. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export class SilentLog implements Log {
  error(): void {
    // nobody listens
  }

  warn(): void {
    // nobody listens
  }

  info(): void {
    // nobody listens
  }

  debug(): void {
    // nobody listens
  }
}
