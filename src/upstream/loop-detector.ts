import type { Random } from '../base/random.ts';
import { recordType } from '../dns/codes.ts';
import { parseName } from '../dns/name.ts';
import type { UpstreamObserver } from './observer.ts';
import type { ProbeResult } from './probe.ts';
import type { Prober } from './prober.ts';
import type { Server } from './server.ts';

/** Two labels of 64 random bits each: nobody asks for them by chance or by guessing. */
const labelWords = 4;
const labels = 2;
/** Octets in wire form: each word is 4 digits, each label has its length, the root ends it. */
const probeNameLength = labels * (1 + 4 * labelWords) + 1;

/** The last random name that an upstream was asked for. */
interface LoopProbe {
  readonly server: Server;
  wasNoted: boolean;
}

/**
 * Finds upstreams that lead back to this resolver, over whatever way: each is asked for a random
 * name; whoever asks this resolver for that name is our own question come home. One name for each
 * upstream is remembered.
 */
export class LoopDetector {
  readonly #random: Random;
  readonly #observer: UpstreamObserver;
  readonly #prober: Prober;
  /** By name in wire form as latin1. */
  readonly #probes = new Map<string, LoopProbe>();

  constructor(random: Random, observer: UpstreamObserver, prober: Prober) {
    this.#random = random;
    this.#observer = observer;
    this.#prober = prober;
  }

  /** Asks the upstream. */
  check(server: Server): void {
    this.forget(server);
    const name = parseName(this.#randomName());
    const probe: LoopProbe = { server, wasNoted: false };
    this.#probes.set(name.toString('latin1'), probe);
    this.#prober.ask(server, { name, type: recordType.HINFO }, (result) => {
      if (!probe.wasNoted) conclude(server, result);
    });
  }

  /** Whether this name, in wire form and lower case, is one of ours. */
  isProbe(name: Buffer): boolean {
    return name.length === probeNameLength && this.#probes.has(name.toString('latin1'));
  }

  /** A query for this name reached us. */
  note(name: Buffer): void {
    const probe = this.#probes.get(name.toString('latin1'));
    if (probe === undefined || probe.wasNoted) return;
    probe.wasNoted = true;
    this.#observer.loopFound(probe.server.text);
    probe.server.health.foundLoop();
  }

  /** Forgets the name of an upstream. */
  forget(server: Server): void {
    for (const [name, probe] of this.#probes) {
      if (probe.server === server) this.#probes.delete(name);
    }
  }

  #randomName(): string {
    const label = (): string =>
      Array.from({ length: labelWords }, () =>
        this.#random.uint16().toString(16).padStart(4, '0'),
      ).join('');
    return Array.from({ length: labels }, label).join('.');
  }
}

/**
 * What a probe that did not come home says. Silence is held against an upstream only if it is out
 * already: the probe stands for the one of its health then, which it may have displaced.
 */
function conclude(server: Server, result: ProbeResult): void {
  const { health } = server;
  if (result === 'responded') {
    if (health.state === 'loop') health.loopEnded();
    else health.succeeded();
  } else if (health.state === 'loop') {
    health.waitForLoopToEnd();
  } else if (health.state === 'down') {
    health.probeFailed(`probe: ${result}`);
  }
}
