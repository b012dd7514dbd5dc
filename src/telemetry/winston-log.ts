import winston from 'winston';
import type { Clock } from '../base/clock.ts';
import { BoundedSink } from './bounded-sink.ts';
import type { LogFigures } from './figures.ts';
import { LabelCounter } from './label-counter.ts';
import { jsonLine, prettyLine } from './log-line.ts';
import type { LogLine } from './log-line.ts';
import { logLevels } from './log.ts';
import type { Log, LogFields, LogLevel } from './log.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
}

export interface LogDependencies {
  readonly clock: Clock;
  /** Where lines go: standard error, in a process. */
  readonly stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

const severities = Object.fromEntries(logLevels.map((level, index) => [level, index]));

/** The log of a process, through winston. Its level can change while it runs. */
export class WinstonLog implements Log {
  readonly #clock: Clock;
  readonly #sink: BoundedSink;
  readonly #logger: winston.Logger;
  readonly #lines = new LabelCounter<LogLevel>(logLevels);
  #level: LogLevel;

  constructor(options: LogOptions, { clock, stream }: LogDependencies) {
    const isPretty =
      options.format === 'pretty' || (options.format === 'auto' && stream.isTTY === true);
    const write = isPretty ? prettyLine : jsonLine;
    this.#clock = clock;
    this.#level = options.level;
    this.#sink = new BoundedSink(stream);
    this.#logger = winston.createLogger({
      levels: severities,
      level: options.level,
      format: winston.format.printf((info) => write(info['line'] as LogLine)), // set in #write
      transports: [new winston.transports.Stream({ stream: this.#sink, eol: '\n' })],
      exitOnError: false,
    });
    this.#logger.on('error', () => undefined); // nowhere to report it: the log is what failed
  }

  get level(): LogLevel {
    return this.#level;
  }

  set level(level: LogLevel) {
    this.#level = level;
    this.#logger.level = level;
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write('error', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write('warn', message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write('info', message, fields);
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write('debug', message, fields);
  }

  figures(): LogFigures {
    return {
      lines: Object.fromEntries(this.#lines.entries()),
      linesDropped: this.#sink.linesDropped,
    };
  }

  /** Ends the log; further lines are lost. The stream stays open: it is not ours. */
  stop(): void {
    this.#logger.close();
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    if (logLevels.indexOf(level) > logLevels.indexOf(this.#level)) return;
    this.#lines.count(level);
    const line: LogLine = { wallMs: this.#clock.wallMs(), level, message, fields };
    this.#logger.log({ level, message, line });
  }
}
