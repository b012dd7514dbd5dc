import { readFile, stat } from 'node:fs/promises';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeError, ListRefused } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { addHosts } from '../local/hosts-file.ts';
import { LocalNames } from '../local/local-names.ts';
import type { LocalStage } from '../local/local-stage.ts';
import type { Log } from '../telemetry/log.ts';
import { localRecords } from './local-options.ts';

/** A hundred thousand names, read at once: 100 ms. Longer ones are lists for the filter. */
const hostsBytesMax = 4 * 1024 ** 2;

export interface LocalLoadingDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly stage: LocalStage;
  /** Called when other names than before are answered here. */
  readonly onChange: () => void;
}

/** Keeps the names that have records here as the configuration and the hosts files are. */
export class LocalLoading {
  readonly #dependencies: LocalLoadingDependencies;
  #config: Config;
  #loadedOf = '';
  #current: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #isRunning = false;

  /** @throws {ConfigInvalid} when a record cannot be read */
  constructor(config: Config, dependencies: LocalLoadingDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#dependencies.stage.setNames(this.#namesOf(config, []));
  }

  /** Resolves when the hosts files are in force. */
  async start(): Promise<void> {
    this.#isRunning = true;
    await this.#loadIfChanged();
    if (this.#isRunning) this.#arm();
  }

  /** Takes over a changed configuration. */
  reconfigure(config: Config): void {
    this.#config = config;
    if (this.#isRunning) this.#arm();
    void this.#loadIfChanged(); // never rejects; the names in use hold until then
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { reloadIntervalMs } = this.#config.local;
    if (reloadIntervalMs === 0) return;
    const look = (): void => void this.#loadIfChanged();
    this.#timer = repeat(this.#dependencies.clock, reloadIntervalMs, look);
  }

  /** One at a time; a later one sees what changed meanwhile. Never rejects. */
  #loadIfChanged(): Promise<void> {
    this.#current = this.#current.then(async () => {
      const config = this.#config;
      const state = await stateOf(config);
      if (state === this.#loadedOf) return;
      this.#loadedOf = state;
      await this.#load(config);
    });
    return this.#current;
  }

  async #load(config: Config): Promise<void> {
    const { log, stage, onChange } = this.#dependencies;
    const { hostsFiles } = config.local;
    try {
      const texts: string[] = [];
      for (const path of hostsFiles) texts.push(await readHosts(path));
      const names = this.#namesOf(config, texts);
      stage.setNames(names);
      if (hostsFiles.length > 0) log.info('hosts files read', { names: names.size });
      onChange();
    } catch (error) {
      log.error('the local names stay as they are', { error: describeError(error) });
    }
  }

  #namesOf(config: Config, hosts: readonly string[]): LocalNames {
    const { ttlSeconds } = config.local;
    const names = new LocalNames();
    for (const record of localRecords(config)) names.add(record, ttlSeconds);
    for (const text of hosts) {
      const skipped = addHosts(text, names, ttlSeconds);
      if (skipped > 0)
        this.#dependencies.log.warn('lines of a hosts file were skipped', { skipped });
    }
    return names;
  }
}

async function readHosts(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > hostsBytesMax) {
    throw new ListRefused(`${path} has more than ${String(hostsBytesMax)} octets`);
  }
  return readFile(path, 'utf8');
}

/** What a change is noticed by. */
async function stateOf({ local }: Config): Promise<string> {
  const files = await Promise.all(
    local.hostsFiles.map(async (path) => {
      try {
        const { size, mtimeMs } = await stat(path);
        return [path, size, mtimeMs];
      } catch {
        return [path]; // that it is missing is told when it is read
      }
    }),
  );
  return JSON.stringify([local, files]);
}
