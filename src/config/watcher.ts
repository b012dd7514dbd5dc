import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Clock, repeat, type Timer } from '../base/clock.ts';
import { ConfigInvalid, describeError } from '../base/errors.ts';
import { changedPaths } from './changes.ts';
import { type ConfigSource, loadConfig, type LoadedConfig } from './load.ts';
import { needsRestart } from './options.ts';
import { secretFiles } from './secrets.ts';

/**
 * Polling, because events are lost on the mounts where it matters: Kubernetes changes a ConfigMap by
 * swapping the link `..data` to a new directory, which leaves the watched file as it was.
 */
const pollIntervalMs = 2000;

/** What is longer is refused by the loader anyway, and not read at every poll. */
const contentBytesMax = 4 * 1024 ** 2;

/** What came of a reload; the values are those of `heimdall_config_reloads_total{result}`. */
export type ReloadOutcome =
  | { readonly result: 'unchanged' }
  | {
      readonly result: 'applied';
      readonly loaded: LoadedConfig;
      readonly changed: readonly string[];
      /** Those of `changed` that take effect only when the process starts. */
      readonly restartNeeded: readonly string[];
    }
  | { readonly result: 'rejected'; readonly error: ConfigInvalid };

export interface WatcherOptions {
  readonly source: ConfigSource;
  readonly clock: Clock;
  /** The configuration that runs. */
  readonly initial: LoadedConfig;
  /** Told of each reload that found something; the outermost layer logs and counts here. */
  readonly onReload: (outcome: ReloadOutcome) => void;
}

/** Reloads the configuration on a signal and when its file changes; a bad file changes nothing. */
export class ConfigWatcher {
  readonly #options: WatcherOptions;
  #current: LoadedConfig;
  #timer: Timer | undefined;
  #polling = false;
  #isStarted = false;
  /** The content that runs, or was refused: not looked at again. */
  #settled: string | undefined;
  /** The content of the poll before this one. */
  #seen: string | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#current = options.initial;
  }

  get current(): LoadedConfig {
    return this.#current;
  }

  /** Begins to watch where there is a file and `reload.watch` asks for it. */
  start(): void {
    this.#isStarted = true;
    this.#arm();
  }

  /** Ends watching; {@link reload} still works. */
  stop(): void {
    this.#isStarted = false;
    this.#arm();
  }

  /** Reads all sources again. What is wrong with them is reported, not thrown. */
  reload(): ReloadOutcome {
    const outcome = this.#read();
    this.#take(outcome);
    return outcome;
  }

  /**
   * Looks at the file once; the timer calls it. A change is taken up when two looks in a row find
   * the same content: an editor that truncates and then writes leaves a valid, empty file between.
   */
  async poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const found = await this.#fingerprint();
      const isSteady = found === this.#seen;
      this.#seen = found;
      if (!this.#isStarted || !isSteady || found === this.#settled) return;
      this.#settled = found;
      const outcome = this.#read();
      if (outcome.result !== 'unchanged') this.#take(outcome); // else it runs already
    } finally {
      this.#polling = false;
    }
  }

  #take(outcome: ReloadOutcome): void {
    if (outcome.result === 'applied') {
      this.#current = outcome.loaded;
      this.#arm();
    }
    this.#options.onReload(outcome);
  }

  /** Polls from now on if the configuration wants it, and the watcher has not been stopped. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#isStarted) return;
    if (this.#current.file === undefined || !this.#current.config.reload.watch) return;
    this.#timer = repeat(this.#options.clock, pollIntervalMs, () => void this.poll());
  }

  #read(): ReloadOutcome {
    try {
      const loaded = loadConfig(this.#options.source);
      const changed = changedPaths(this.#current.config, loaded.config);
      if (changed.length === 0) return { result: 'unchanged' };
      return { result: 'applied', loaded, changed, restartNeeded: changed.filter(needsRestart) };
    } catch (error) {
      return { result: 'rejected', error: asConfigInvalid(error) };
    }
  }

  /** Digest of everything that a reload would read from disk. */
  async #fingerprint(): Promise<string> {
    const { file, config } = this.#current;
    const hash = createHash('sha256');
    for (const path of [file, ...secretFiles(config)]) {
      if (path !== undefined) hash.update(await contentOf(path)).update('\0');
    }
    return hash.digest('hex');
  }
}

/** A resolver that answers does not die of a reload, whatever it was that failed. */
function asConfigInvalid(error: unknown): ConfigInvalid {
  if (error instanceof ConfigInvalid) return error;
  return new ConfigInvalid([{ source: 'reload', path: '', message: describeError(error) }]);
}

/** The content, or a word for the lack of it, which is a state like any other. */
async function contentOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    return size > contentBytesMax ? `${String(size)} bytes` : await readFile(path, 'utf8');
  } catch {
    return 'unreadable';
  }
}
