import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { sha256Hex } from '../base/digest.ts';
import { ListRefused } from '../base/errors.ts';
import { countRules } from './filter-lists.ts';
import { copyPath, keepCopy, readValidators, unfinishedPath } from './list-copies.ts';
import type { CopyValidators } from './list-copies.ts';
import { downloadList } from './list-download.ts';
import type { DownloadOptions, LookUpHost } from './list-download.ts';
import type { ListFormat } from './list-parser.ts';
import type { SharedCopies, SharedCopy } from './shared-copies.ts';

/** One part of a list, which lies elsewhere. */
export interface ListSource {
  readonly url: string;
  /** Of the list that it is a part of. */
  readonly name: string;
  readonly format: ListFormat;
}

export interface RenewalOptions extends DownloadOptions {
  /** Where copies are kept. */
  readonly directory: string;
  /** How often a URL is asked for news; 0 is once. */
  readonly refreshIntervalMs: number;
}

export interface RenewalDependencies {
  readonly clock: Clock;
  readonly lookUpHost: LookUpHost;
  /** What other replicas have of lists. */
  readonly shared: SharedCopies;
}

/** What a look came to: `shared` is new here, and another replica had fetched it. */
export type RenewalResult = 'new' | 'shared' | 'unchanged';

/** How often it is looked whether the replica that asks for all has found something. */
const sharedPollMs = 500;
/** For how long others need not ask where there is no interval. */
const sharedForMs = 86_400_000;
/** Of the interval: who looks when it is over finds nothing, and asks the server. */
const sharedShare = 0.9;

/** One look at one URL: what another replica has of it, or else its server. */
export class ListRenewal {
  readonly #source: ListSource;
  readonly #options: RenewalOptions;
  readonly #dependencies: RenewalDependencies;
  readonly #copy: string;

  constructor(source: ListSource, options: RenewalOptions, dependencies: RenewalDependencies) {
    this.#source = source;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#copy = copyPath(options.directory, source.url);
  }

  /**
   * Leaves the copy as it is, or a better one.
   * @throws {ListRefused} when what is there is not to be had, too large, or holds no rule
   */
  async run(stopped: AbortSignal): Promise<RenewalResult> {
    try {
      await mkdir(this.#options.directory, { recursive: true });
      const shared = await this.#awaitShared(stopped);
      const taken = shared === undefined ? undefined : await this.#take(shared);
      return taken ?? (await this.#ask(stopped));
    } finally {
      await rm(unfinishedPath(this.#copy), { force: true });
    }
  }

  /** What another replica knows, or finds out while we wait; undefined: it is for us to ask. */
  async #awaitShared(stopped: AbortSignal): Promise<SharedCopy | undefined> {
    const { shared, clock } = this.#dependencies;
    const { url } = this.#source;
    const { timeoutMs } = this.#options;
    const endMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const known = await shared.look(url);
      if (known !== undefined || (await shared.claim(url, timeoutMs))) return known;
      if (stopped.aborted || clock.nowMs() >= endMs) return undefined;
      await sleep(clock, sharedPollMs);
    }
  }

  /** @returns undefined when it is not to be had whole */
  async #take({ url, digest, validators }: SharedCopy): Promise<RenewalResult | undefined> {
    if (digest === (await this.#digest())) return 'unchanged';
    const { shared } = this.#dependencies;
    const octets = await shared.read({ url, digest, validators }, this.#options.fileBytesMax);
    if (octets === undefined) return undefined;
    await writeFile(unfinishedPath(this.#copy), octets);
    await this.#keep(validators);
    return 'shared';
  }

  /** The others hear of it behind our back: nobody waits for the grid. */
  async #ask(stopped: AbortSignal): Promise<RenewalResult> {
    const { shared } = this.#dependencies;
    const { url } = this.#source;
    try {
      const { kind, validators } = await this.#download(stopped);
      void this.#share(validators).then(() => shared.release(url));
      return kind;
    } catch (error) {
      void shared.release(url);
      throw error;
    }
  }

  async #download(
    stopped: AbortSignal,
  ): Promise<{ readonly kind: RenewalResult; readonly validators: CopyValidators }> {
    const validators = (await isThere(this.#copy)) ? await readValidators(this.#copy) : {};
    const wanted = { url: this.#source.url, file: unfinishedPath(this.#copy), validators };
    const dependencies = { ...this.#dependencies, stopped };
    const download = await downloadList(wanted, this.#options, dependencies);
    if (download.kind === 'unchanged') return { kind: 'unchanged', validators };
    await this.#keep(download.validators);
    return { kind: 'new', validators: download.validators };
  }

  /** @throws {ListRefused} when there is nothing in it */
  async #keep(validators: CopyValidators): Promise<void> {
    const { name, url, format } = this.#source;
    const files = [unfinishedPath(this.#copy)];
    if ((await countRules({ name, files, format }, this.#options)) === 0) {
      throw new ListRefused(`${url} has no rule in it`);
    }
    await keepCopy(this.#copy, validators);
  }

  /** Never rejects: a copy that cannot be read any more is not told of. */
  async #share(validators: CopyValidators): Promise<void> {
    const octets = await readFile(this.#copy).catch(() => undefined);
    if (octets === undefined) return;
    const { refreshIntervalMs } = this.#options;
    const forMs = refreshIntervalMs === 0 ? sharedForMs : sharedShare * refreshIntervalMs;
    const copy = { url: this.#source.url, validators, digest: await sha256Hex(octets) };
    await this.#dependencies.shared.share(copy, octets, Math.ceil(forMs));
  }

  async #digest(): Promise<string | undefined> {
    const octets = await readFile(this.#copy).catch(() => undefined);
    return octets === undefined ? undefined : sha256Hex(octets);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
