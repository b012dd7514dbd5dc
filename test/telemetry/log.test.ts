import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { MalformedName } from '../../src/base/errors.ts';
import { BoundedSink } from '../../src/telemetry/bounded-sink.ts';
import { jsonLine, prettyLine } from '../../src/telemetry/log-line.ts';
import type { LogLine } from '../../src/telemetry/log-line.ts';
import type { LogFields } from '../../src/telemetry/log.ts';
import { WinstonLog } from '../../src/telemetry/winston-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { recordingStream } from './support.ts';

const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function lineWith(fields: LogFields, message = 'said'): LogLine {
  return { wallMs, level: 'info', message, fields };
}

function json(fields: LogFields, message?: string): Record<string, unknown> {
  return JSON.parse(jsonLine(lineWith(fields, message))) as Record<string, unknown>;
}

describe('a line as JSON', () => {
  test('has time, level, message, and the fields as they are', () => {
    expect(jsonLine(lineWith({ server: '9.9.9.9:53', tries: 2, why: undefined }))).toBe(
      '{"time":"2026-01-02T03:04:05.006Z","level":"info","message":"said","server":"9.9.9.9:53","tries":2}',
    );
  });

  test('cannot be given another time, level or message by a field', () => {
    const line = json({ level: 'error', message: 'forged', time: 'never' });
    expect(line).toMatchObject({ level: 'info', message: 'said' });
    expect(line['time']).toBe('2026-01-02T03:04:05.006Z');
  });

  test('hides secrets at any depth', () => {
    const line = jsonLine(
      lineWith({
        http: { token: 'hunter2', authorization: 'Bearer hunter2' },
        apiPassword: 'hunter2',
      }),
    );
    expect(line).not.toContain('hunter2');
    expect(json({ token: 'x' })['token']).toBe('[redacted]');
  });

  test('tells an error of ours with its causes, and a defect with where it is', () => {
    const cause = new MalformedName('empty');
    expect(json({ error: new MalformedName('no name', { cause }) })['error']).toBe(
      'no name: empty',
    );
    expect(json({ error: new TypeError('oops') })['error']).toMatch(/oops[^]*log\.test/);
  });

  test('stands odd values: long, deep, cyclic, bigint', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const line = json({ long: 'x'.repeat(10_000), cyclic, big: 10n, list: [1, null] });
    expect(line['long']).toHaveLength(2001);
    expect(JSON.stringify(line['cyclic'])).toContain('[deep]');
    expect(line['big']).toBe('10');
    expect(line['list']).toEqual([1, null]);
  });
});

describe('a line for eyes', () => {
  test('has its fields behind the message', () => {
    const text = prettyLine(lineWith({ server: '9.9.9.9:53', why: 'two words', tries: 2 }));
    expect(text).toBe(
      '03:04:05.006 \u001B[32minfo \u001B[0m said server=9.9.9.9:53 why="two words" tries=2',
    );
  });

  test('lets nobody break the line or move the cursor', () => {
    const text = prettyLine(lineWith({ name: 'a\nb\u001B[2J', c1: '\u009B2J' }, 'x\ny\u001B[31m'));
    expect(text).toContain('x\\x0ay\\x1b[31m');
    expect(text.replace('\u001B[32m', '').replace('\u001B[0m', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('the log', () => {
  const options = { level: 'info', format: 'auto' } as const;

  test('writes JSON where there is no terminal, and a form for eyes where there is one', () => {
    const clock = new VirtualClock();
    const plain = recordingStream();
    new WinstonLog(options, { clock, stream: plain.stream }).info('said', { x: 1 });
    expect(JSON.parse(plain.text())).toMatchObject({ level: 'info', message: 'said', x: 1 });
    const terminal = recordingStream();
    const stream = Object.assign(terminal.stream, { isTTY: true });
    new WinstonLog(options, { clock, stream }).info('said', { x: 1 });
    expect(terminal.text()).toMatch(/^00:00:00.000 .*said x=1\n$/);
  });

  test('changes its level while running, and counts the lines of each', () => {
    const { stream, text } = recordingStream();
    const log = new WinstonLog(options, { clock: new VirtualClock(), stream });
    log.debug('unheard');
    log.level = 'debug';
    log.debug('heard');
    log.level = 'error';
    log.warn('unheard');
    log.error('heard');
    const messages = text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    expect(messages.map(({ message }) => message)).toEqual(['heard', 'heard']);
    expect(log.level).toBe('error');
    expect(log.figures()).toEqual({
      lines: { error: 1, warn: 0, info: 0, debug: 1 },
      linesDropped: 0,
    });
    log.stop();
  });

  test('outlives a reader that is gone', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })),
    });
    const log = new WinstonLog(options, { clock: new VirtualClock(), stream });
    log.info('lost');
    await new Promise((resolve) => stream.once('close', resolve));
    log.info('lost as well');
    log.info('and this');
    expect(log.figures().linesDropped).toBeGreaterThanOrEqual(2);
  });

  test('drops lines for a slow reader instead of keeping them all', () => {
    const stream = new PassThrough(); // nobody reads
    const sink = new BoundedSink(stream);
    const line = `${'x'.repeat(1000)}\n`;
    for (let number = 0; number < 5000; number++) sink.write(line);
    expect(stream.writableLength).toBeLessThan(1024 * 1024 + 2000);
    expect(sink.linesDropped).toBeGreaterThan(3000);
  });

  test('outlives a stream that throws', () => {
    const stream = new PassThrough();
    stream.write = () => {
      throw new Error('gone');
    };
    const log = new WinstonLog(options, { clock: new VirtualClock(), stream });
    expect(() => log.info('lost')).not.toThrow();
    expect(log.figures().linesDropped).toBe(1);
  });
});
