import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sleep } from '../src/base/clock.ts';
import type { Clock } from '../src/base/clock.ts';
import { ListenFailed } from '../src/base/errors.ts';
import type { Random } from '../src/base/random.ts';
import { askUdp } from '../src/cli/exchange-udp.ts';
import { ednsOption, recordType } from '../src/dns/codes.ts';
import { describeMessage, encodeQuery } from '../src/dns/presentation.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const readyTimeoutMs = 30_000;
const pollMs = 50;
const stopTimeoutMs = 5000;
const askTimeoutMs = 5000;
/** As much of the log as tells why a replica did not start. */
const logCharactersMax = 4000;

/** A replica for the demonstration: where it listens, and whom it belongs to. */
export interface DemoReplicaOptions {
  readonly name: string;
  readonly dnsPort: number;
  readonly httpPort: number;
  /** Options by their path. */
  readonly set: Readonly<Record<string, string>>;
}

/** One answer as a client sees it. */
export interface DemoAnswer {
  readonly address: string;
  /** The layer it came from: `l1`, `l2` or `upstream`. */
  readonly layer: string;
  readonly timeMs: number;
}

/** One replica of Heimdall as a process of its own. */
export class DemoReplica {
  readonly name: string;
  readonly dnsPort: number;
  readonly api: string;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ended: Promise<void>;
  #log = '';

  constructor(options: DemoReplicaOptions, clock: Clock, random: Random) {
    const { name, dnsPort, httpPort, set } = options;
    this.name = name;
    this.dnsPort = dnsPort;
    this.api = `http://127.0.0.1:${String(httpPort)}`;
    this.#clock = clock;
    this.#random = random;
    const argv = [
      ...[main, 'serve', '--listen', `127.0.0.1:${String(dnsPort)}`],
      ...['--http', `127.0.0.1:${String(httpPort)}`],
      ...Object.entries(set).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
    ];
    this.#child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    this.#child.once('exit', () => resolve());
    this.#child.once('error', () => resolve());
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log = (this.#log + text).slice(-logCharactersMax);
      });
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends it at once, as the end of this process must. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it drain and end; ends it the hard way after 5 s. */
  async stop(): Promise<void> {
    const late = this.#clock.setTimer(stopTimeoutMs, () => this.kill());
    this.#child.kill('SIGTERM');
    await this.#ended;
    late.cancel();
  }

  /**
   * Waits until it shares what it knows: the grid is connected and its clock is known.
   * @throws {ListenFailed} with what it logged
   */
  async ready(): Promise<void> {
    const endMs = this.#clock.nowMs() + readyTimeoutMs;
    while (!(await this.#isReady())) {
      const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (hasEnded || this.#clock.nowMs() > endMs) {
        throw new ListenFailed(`replica ${this.name} did not start:\n${this.#log}`);
      }
      await sleep(this.#clock, pollMs);
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      const text = await this.page('/metrics');
      return text.includes('\nheimdall_grid_clock_skew_seconds ');
    } catch {
      return false; // it does not listen yet
    }
  }

  /** Text of a page of its HTTP server. */
  async page(path: string): Promise<string> {
    const signal = AbortSignal.timeout(askTimeoutMs);
    const response = await fetch(`${this.api}${path}`, { signal });
    return response.ok ? response.text() : '';
  }

  /** Asks for the address of a name. @throws {ExchangeFailed} after 5 s */
  async ask(name: string): Promise<DemoAnswer> {
    const startedMs = this.#clock.nowMs();
    const query = encodeQuery({
      id: this.#random.uint16(),
      name,
      type: recordType.A,
      dnssecOk: false,
      udpSize: 1232,
      options: [{ code: ednsOption.HEIMDALL_LAYER, data: Buffer.alloc(0) }],
    });
    const server = { host: '127.0.0.1', port: this.dnsPort };
    const target = { transport: 'udp', server, timeoutMs: askTimeoutMs } as const;
    const rest = { clock: this.#clock, tlsName: undefined, insecure: false };
    const { responseCode, answer, layer } = describeMessage(
      await askUdp({ ...target, ...rest }, query),
    );
    return {
      address: answer[0]?.data ?? responseCode,
      layer: layer ?? 'unknown',
      timeMs: this.#clock.nowMs() - startedMs,
    };
  }
}
