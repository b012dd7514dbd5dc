import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigWatcher, type ReloadOutcome } from '../../src/config/watcher.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let folder: string;
let file: string;
let clock: VirtualClock;
let outcomes: ReloadOutcome[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heimdall-watch-'));
  file = join(folder, 'heimdall.yaml');
  clock = new VirtualClock();
  outcomes = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function watch(text: string): ConfigWatcher {
  writeFileSync(file, text);
  return watchFile();
}

function watchFile(): ConfigWatcher {
  const source = { file, env: {}, flags: {} };
  const watcher = new ConfigWatcher({
    source,
    clock,
    initial: loadConfig(source),
    onReload: (outcome) => outcomes.push(outcome),
  });
  watcher.start();
  return watcher;
}

/** Two looks: a change is taken up when it has stayed for one interval. */
async function twoPolls(watcher: ConfigWatcher): Promise<void> {
  await watcher.poll();
  await watcher.poll();
}

describe('the watcher', () => {
  test('takes a change up and tells which options wait for a restart', async () => {
    const watcher = watch('log: { level: info }');
    writeFileSync(file, 'log: { level: debug }\ncache: { maxBytes: 1MiB }');
    await twoPolls(watcher);
    expect(outcomes).toMatchObject([
      {
        result: 'applied',
        changed: ['cache.maxBytes', 'log.level'],
        restartNeeded: ['cache.maxBytes'],
      },
    ]);
    expect(watcher.current.config.log.level).toBe('debug');
    watcher.stop();
  });

  test('looks by itself every two seconds', async () => {
    const watcher = watch('log: { level: info }');
    writeFileSync(file, 'log: { level: debug }');
    // Reading a file takes real time, of which the virtual clock knows nothing.
    while (watcher.current.config.log.level !== 'debug') await clock.advance(2000);
    watcher.stop();
    expect(clock.timersPending).toBe(0);
  });

  test('follows the swap of the link ..data, as a ConfigMap changes in Kubernetes', async () => {
    for (const [name, level] of [
      ['..one', 'info'],
      ['..two', 'warn'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'heimdall.yaml'), `log: { level: ${level} }`);
    }
    symlinkSync('..one', join(folder, '..data'));
    symlinkSync(join('..data', 'heimdall.yaml'), file);
    const watcher = watchFile();
    symlinkSync('..two', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await twoPolls(watcher);
    expect(watcher.current.config.log.level).toBe('warn');
    watcher.stop();
  });
});

describe('a file that cannot be used', () => {
  test('keeps the running configuration when the file is bad, and reports it once', async () => {
    const watcher = watch('log: { level: debug }');
    writeFileSync(file, 'log: { level: loud }');
    await twoPolls(watcher);
    await twoPolls(watcher);
    expect(outcomes).toMatchObject([
      { result: 'rejected', error: { problems: [{ source: file, path: 'log.level' }] } },
    ]);
    expect(watcher.current.config.log.level).toBe('debug');
    watcher.stop();
  });

  test('keeps the running configuration when the file is gone, and takes the next one', async () => {
    const watcher = watch('log: { level: debug }');
    rmSync(file);
    await twoPolls(watcher);
    expect(outcomes).toMatchObject([{ result: 'rejected' }]);
    writeFileSync(file, 'log: { level: warn }');
    await twoPolls(watcher);
    expect(watcher.current.config.log.level).toBe('warn');
    watcher.stop();
  });

  test('a change between loading and watching is taken up', async () => {
    const watcher = watch('log: { level: info }');
    watcher.stop();
    writeFileSync(file, 'log: { level: debug }');
    watcher.start();
    await twoPolls(watcher);
    expect(watcher.current.config.log.level).toBe('debug');
    watcher.stop();
  });

  test('does not take up a file that is being written', async () => {
    const watcher = watch('log: { level: debug }');
    writeFileSync(file, '');
    await watcher.poll();
    writeFileSync(file, 'log: { level: debug }');
    await twoPolls(watcher);
    expect(outcomes).toEqual([]);
    watcher.stop();
  });
});

describe('what else the watcher does', () => {
  test('a new token in its file is taken up', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'one');
    const watcher = watch(`http: { tokenFile: ${tokenFile} }`);
    writeFileSync(tokenFile, 'two');
    await twoPolls(watcher);
    expect(watcher.current.config.http.token).toBe('two');
    watcher.stop();
  });

  test('reload, as SIGHUP calls it, reads at once and says when nothing changed', () => {
    const watcher = watch('log: { level: info }');
    expect(watcher.reload()).toEqual({ result: 'unchanged' });
    writeFileSync(file, 'log: { level: error }');
    expect(watcher.reload()).toMatchObject({ result: 'applied', changed: ['log.level'] });
    expect(outcomes.map(({ result }) => result)).toEqual(['unchanged', 'applied']);
    watcher.stop();
  });

  test('what a signal has taken up is not reported again by the next looks', async () => {
    const watcher = watch('log: { level: info }');
    writeFileSync(file, 'log: { level: error }');
    watcher.reload();
    await twoPolls(watcher);
    expect(outcomes).toHaveLength(1);
    watcher.stop();
  });

  test('reload.watch can be switched off and, by a signal, on again', () => {
    const watcher = watch('{}');
    expect(clock.timersPending).toBe(1);
    writeFileSync(file, 'reload: { watch: false }');
    watcher.reload();
    expect(clock.timersPending).toBe(0);
    writeFileSync(file, 'reload: { watch: true }');
    watcher.reload();
    expect(clock.timersPending).toBe(1);
    watcher.stop();
    watcher.reload();
    expect(clock.timersPending).toBe(0);
  });

  test('with reload.watch false, or without a file, nothing is polled', () => {
    watch('reload: { watch: false }');
    expect(clock.timersPending).toBe(0);
    const source = { env: {}, flags: {} };
    const watcher = new ConfigWatcher({
      source,
      clock,
      initial: loadConfig(source),
      onReload: (outcome) => outcomes.push(outcome),
    });
    watcher.start();
    expect(clock.timersPending).toBe(0);
  });
});
