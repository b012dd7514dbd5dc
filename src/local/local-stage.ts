import { recordType } from '../dns/codes.ts';
import { firstLabel, formatName, labelCount, parentName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { negativeOutcome, positiveOutcome } from '../query/local-answer.ts';
import type { LocalOrigin } from '../query/local-answer.ts';
import { specialZones } from './special-names.ts';
import type { SpecialNameSwitches, SpecialZone } from './special-names.ts';

export interface LocalOptions {
  readonly specialNames: SpecialNameSwitches;
  /** A short answer to ANY instead of all that is known (RFC 8482 section 4.2). */
  readonly minimalAny: boolean;
  /**
   * Suffixes in wire form that have upstreams of their own: names at or below them are forwarded
   * even where they lie in a special zone, as `cluster.local` lies in `local`.
   */
  readonly routedSuffixes: readonly Buffer[];
}

const loopbackV4 = Buffer.from([127, 0, 0, 1]);
const loopbackV6 = Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);
/** How long clients may keep local answers; RFC 6303 section 3 uses three hours. */
const localTtlSeconds = 10_800;
/** CPU and OS of the HINFO record that stands for "no answer to ANY" (RFC 8482 section 4.2). */
const anyRefused = Buffer.from('\u0007RFC8482\u0000', 'latin1');

/** What is answered here without asking anybody: special-use names, and ANY. */
export class LocalStage implements Stage {
  readonly name = 'local';
  /** Wire name as latin1 -> the zone, or undefined for a suffix that is forwarded. */
  #zones: ReadonlyMap<string, SpecialZone | undefined> = new Map();
  #minimalAny = false;

  constructor(options: LocalOptions) {
    this.setOptions(options);
  }

  setOptions({ specialNames, minimalAny, routedSuffixes }: LocalOptions): void {
    const zones = new Map<string, SpecialZone | undefined>();
    for (const zone of specialZones(specialNames)) zones.set(zone.apex.toString('latin1'), zone);
    for (const suffix of routedSuffixes) zones.set(suffix.toString('latin1'), undefined);
    this.#zones = zones;
    this.#minimalAny = minimalAny;
  }

  /** Whether a name lies in a zone that is answered here. */
  settles(name: Buffer): boolean {
    return this.#zoneOf(name) !== undefined;
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    const outcome = this.#answer(query.question);
    return outcome === undefined ? next(query) : Promise.resolve(outcome);
  }

  #answer(question: Question): Outcome | undefined {
    const zone = this.#zoneOf(question.name);
    if (zone !== undefined) return specialOutcome(question, zone);
    if (this.#minimalAny && question.type === recordType.ANY) return anyOutcome(question);
    return undefined;
  }

  /** The nearest zone or routed suffix at or above the name decides. */
  #zoneOf(name: Buffer): SpecialZone | undefined {
    for (let at = name; at.length > 1; at = parentName(at)) {
      const key = at.toString('latin1');
      if (this.#zones.has(key)) return this.#zones.get(key);
    }
    return undefined;
  }
}

function specialOutcome(question: Question, zone: SpecialZone): Outcome | undefined {
  const { apex, treatment } = zone;
  const isApex = question.name.length === apex.length;
  if (isApex && zone.forwardsDs && question.type === recordType.DS) return undefined;
  const detail = `special name ${formatName(apex)}`;
  switch (treatment) {
    case 'nonexistent':
      return negativeOutcome(question, 'nxdomain', apex, originOf(detail));
    case 'empty':
      return negativeOutcome(question, isApex ? 'nodata' : 'nxdomain', apex, originOf(detail));
    case 'discovery': {
      const exists = isApex || isDiscoveryName(question.name, apex);
      return negativeOutcome(question, exists ? 'nodata' : 'nxdomain', apex, originOf(detail));
    }
    case 'loopback':
      return loopbackOutcome(question, apex, detail);
  }
}

/** `_dns.resolver.arpa` exists, though there is nothing to discover yet (RFC 9462 section 4). */
function isDiscoveryName(name: Buffer, apex: Buffer): boolean {
  const isChild = labelCount(name) === labelCount(apex) + 1;
  return isChild && firstLabel(name).toString('latin1') === '_dns';
}

function loopbackOutcome(question: Question, apex: Buffer, detail: string): Outcome {
  const { type } = question;
  const addresses = new Map([
    [recordType.A as number, loopbackV4],
    [recordType.AAAA as number, loopbackV6],
  ]);
  const octets = addresses.get(type);
  if (octets === undefined) return negativeOutcome(question, 'nodata', apex, originOf(detail));
  return positiveOutcome(question, type, [[{ octets }]], originOf(detail));
}

function anyOutcome(question: Question): Outcome {
  return positiveOutcome(
    question,
    recordType.HINFO,
    [[{ octets: anyRefused }]],
    originOf('minimal ANY'),
  );
}

function originOf(detail: string): LocalOrigin {
  return { layer: 'local', detail, ttlSeconds: localTtlSeconds, extendedErrors: [] };
}
