import { recordTypeNumber } from '../dns/codes.ts';
import { lowerName, parseName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import { recordType } from '../dns/codes.ts';
import type { UpstreamContext } from './context.ts';
import { explained } from './failure-text.ts';
import { Probe } from './probe.ts';
import type { ProbeSettled } from './probe.ts';
import type { Server } from './server.ts';

/** At most one probe to each upstream at a time. */
export class Prober {
  readonly #context: UpstreamContext;
  readonly #probes = new Map<Server, Probe>();
  #isStopped = false;

  constructor(context: UpstreamContext) {
    this.#context = context;
  }

  /**
   * Asks an upstream that is out for the name set for it, and tells its health what came of it;
   * unless another replica does so just now.
   */
  checkHealth(server: Server): void {
    void this.#context.healthBoard.claimProbe(server.text).then((isOurs) => {
      if (this.#isStopped || server.health.state !== 'down') return;
      if (isOurs) this.#probe(server);
      else server.health.probeLeftToOthers();
    });
  }

  /**
   * Others find an upstream out that is in here: unless it answered us after they failed, it is
   * probed once, at once, and the result is believed. An answer to a query meanwhile outweighs a
   * probe that brought nothing.
   * @param sinceFailureMs since the newest failure of the others
   */
  verify(server: Server, sinceFailureMs: number): void {
    const { health } = server;
    const isOut = health.state === 'down' || health.state === 'loop';
    if (this.#isStopped || isOut || this.#probes.has(server)) return;
    if (health.sinceSuccessMs < sinceFailureMs) return;
    const { clock } = this.#context;
    const startedMs = clock.nowMs();
    this.ask(server, this.#healthQuestion(), (result) => {
      if (result === 'responded') {
        health.succeeded();
        server.publish(); // the others may be wrong about it
      } else if (result !== 'exhausted' && health.sinceSuccessMs > clock.nowMs() - startedMs) {
        health.doubtConfirmed(result);
      }
    });
  }

  #probe(server: Server): void {
    this.ask(server, this.#healthQuestion(), (result, text) => {
      if (result === 'responded') server.health.succeeded();
      else server.health.probeFailed(`probe: ${explained(result, text)}`);
    });
  }

  /** Asks any question; a probe to the same upstream that is still on its way is dropped. */
  ask(server: Server, question: Question, settled: ProbeSettled): void {
    this.forget(server);
    const probe = new Probe(this.#context, server, question, (result, text) => {
      this.#probes.delete(server);
      settled(result, text);
    });
    this.#probes.set(server, probe);
  }

  /** Drops the probe to an upstream that is no longer used. */
  forget(server: Server): void {
    this.#probes.get(server)?.stop();
    this.#probes.delete(server);
  }

  stop(): void {
    this.#isStopped = true;
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }

  #healthQuestion(): Question {
    const { probeName, probeType } = this.#context.options.health;
    return {
      name: lowerName(parseName(probeName)),
      type: recordTypeNumber(probeType) ?? recordType.NS,
    };
  }
}
