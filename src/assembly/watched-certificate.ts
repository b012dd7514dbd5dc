import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { certificateState, readCertificate } from '../listen/certificate.ts';
import type { Certificate, CertificateFiles } from '../listen/certificate.ts';
import type { CertificateFigures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';

export interface WatchDependencies {
  readonly clock: Clock;
  readonly log: Log;
}

/** A certificate that follows its files. */
export class WatchedCertificate {
  readonly #files: CertificateFiles;
  readonly #dependencies: WatchDependencies;
  readonly #reloads: ResultCounter;
  #current: Certificate;
  #state: string;
  #timer: Timer | undefined;

  private constructor(
    files: CertificateFiles,
    [state, current]: readonly [string, Certificate],
    dependencies: WatchDependencies,
  ) {
    this.#files = files;
    this.#state = state;
    this.#current = current;
    this.#dependencies = dependencies;
    this.#reloads = new ResultCounter(dependencies.clock);
  }

  /** @throws {CertificateRefused} */
  static async read(
    files: CertificateFiles,
    dependencies: WatchDependencies,
  ): Promise<WatchedCertificate> {
    const state = await certificateState(files); // first: what changes meanwhile is read again
    return new WatchedCertificate(files, [state, await readCertificate(files)], dependencies);
  }

  get current(): Certificate {
    return this.#current;
  }

  figures(): CertificateFigures {
    return {
      expiresAtWallMs: this.#current.expiresAtWallMs,
      reloads: Object.fromEntries(this.#reloads.results.entries()),
    };
  }

  /** Calls `onChange` with each certificate that takes the place of the one before; 0 ms is never. */
  watch(intervalMs: number, onChange: (certificate: Certificate) => void): void {
    if (intervalMs === 0) return;
    const { clock } = this.#dependencies;
    this.#timer = repeat(clock, intervalMs, () => void this.#reloadIfChanged(onChange));
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Never rejects: a certificate that cannot be used leaves the one in use. */
  async #reloadIfChanged(onChange: (certificate: Certificate) => void): Promise<void> {
    const { log } = this.#dependencies;
    const state = await certificateState(this.#files);
    if (state === this.#state) return;
    this.#state = state; // where it cannot be used, the next change may be what completes the pair
    try {
      this.#current = await readCertificate(this.#files);
      onChange(this.#current);
      this.#reloads.succeeded();
      log.info('certificate replaced', { file: this.#files.certificateFile });
    } catch (error) {
      this.#reloads.failed();
      log.error('certificate not replaced: the one in use stays', { error });
    }
  }
}
