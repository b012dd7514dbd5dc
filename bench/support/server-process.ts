import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;
const probeIntervalMs = 100;
/** As much as is needed to see why a server did not start. */
const outputCharactersMax = 4000;

/** A query for the SOA record of the zone of the benchmarks; any answer will do. */
export const probe = Buffer.concat([
  Buffer.from('123401000001000000000000', 'hex'),
  Buffer.from('\x05bench\x07example\x00', 'latin1'),
  Buffer.from('00060001', 'hex'),
]);

/** Those that run: none of them outlives a benchmark that was told to stop. */
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server of ours or of others that runs for the length of a measurement. */
export class ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-outputCharactersMax);
      });
    }
  }

  /**
   * Starts a program in the foreground and waits until it answers on 127.0.0.1.
   * @throws when it ends or stays silent; the message holds the end of what it printed
   */
  static async start(name: string, port: number, command: readonly string[]) {
    const [program = '', ...parameters] = command;
    const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServerProcess(name, port, child);
    try {
      await server.#untilItAnswers();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The end of what it has printed. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} has not been started`);
    return pid;
  }

  /** Ends this process alone, by its id: politely, then not. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || this.#hasEnded) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const patience = new AbortController();
    const late = sleep(stopTimeoutMs, undefined, { signal: patience.signal }).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    await ended;
    patience.abort();
    await late;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #untilItAnswers(): Promise<void> {
    let failure: unknown;
    this.#child.once('error', (error) => (failure = error));
    for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += probeIntervalMs) {
      if (await answers(this.port)) return;
      if (failure !== undefined || this.#hasEnded) break;
    }
    const said = failure instanceof Error ? failure.message : this.#output;
    throw new Error(`${this.name} does not answer on port ${String(this.port)}: ${said}`);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const signal = AbortSignal.timeout(probeIntervalMs);
  try {
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect', { signal });
    const answered = once(socket, 'message', { signal });
    socket.send(probe);
    await answered;
    return true;
  } catch {
    await sleep(probeIntervalMs);
    return false;
  } finally {
    socket.close();
  }
}
