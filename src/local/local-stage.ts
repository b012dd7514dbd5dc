import { extendedErrorCode, recordType, responseCode } from '../dns/codes.ts';
import { firstLabel, formatName, labelCount, parentName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { negativeOutcome, positiveOutcome } from '../query/local-answer.ts';
import type { LocalOrigin } from '../query/local-answer.ts';
import { aliasOutcome, dataOutcome } from '../query/local-data.ts';
import { LocalNames } from './local-names.ts';
import { Rewrites } from './rewrites.ts';
import type { Rewrite } from './rewrites.ts';
import { specialZones } from './special-names.ts';
import type { SpecialNameSwitches, SpecialZone } from './special-names.ts';

export interface LocalOptions {
  readonly specialNames: SpecialNameSwitches;
  /** Names of one label have no addresses, but for those that are given some here. */
  readonly fullNamesOnly: boolean;
  /** A short answer to ANY instead of all that is known (RFC 8482 section 4.2). */
  readonly minimalAny: boolean;
  /**
   * Suffixes in wire form that have upstreams of their own: names at or below them are forwarded
   * even where they lie in a special zone, as `cluster.local` lies in `local`.
   */
  readonly routedSuffixes: readonly Buffer[];
  readonly rewrites: readonly Rewrite[];
  /** How long clients may keep what a rewrite says. */
  readonly ttlSeconds: number;
}

const loopbackV4 = Buffer.from([127, 0, 0, 1]);
const loopbackV6 = Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);
/** How long clients may keep local answers; RFC 6303 section 3 uses three hours. */
const localTtlSeconds = 10_800;
/** CPU and OS of the HINFO record that stands for "no answer to ANY" (RFC 8482 section 4.2). */
const anyRefused = Buffer.from('\u0007RFC8482\u0000', 'latin1');

/** What a name of one label is asked for by mistake; top-level domains are asked about by NS or DS. */
const addressTypes = new Set<number>([
  recordType.A,
  recordType.AAAA,
  recordType.SVCB,
  recordType.HTTPS,
]);

/** Aliases of our own that are followed before they are taken for a loop. */
const aliasesMax = 8;

/**
 * What is answered here without asking anybody: names that were given records or
 * another name, special-use names, and ANY.
 */
export class LocalStage implements Stage {
  readonly name = 'local';
  /** Wire name as latin1 -> the zone, or undefined for a suffix that is forwarded. */
  #zones: ReadonlyMap<string, SpecialZone | undefined> = new Map();
  #fullNamesOnly = false;
  #minimalAny = false;
  #names = new LocalNames();
  #rewrites = new Rewrites([]);
  #ttlSeconds = 0;

  constructor(options: LocalOptions) {
    this.setOptions(options);
  }

  setOptions(options: LocalOptions): void {
    const { specialNames, routedSuffixes, rewrites, ttlSeconds } = options;
    const zones = new Map<string, SpecialZone | undefined>();
    for (const zone of specialZones(specialNames)) zones.set(zone.apex.toString('latin1'), zone);
    for (const suffix of routedSuffixes) zones.set(suffix.toString('latin1'), undefined);
    this.#zones = zones;
    this.#fullNamesOnly = options.fullNamesOnly;
    this.#minimalAny = options.minimalAny;
    this.#rewrites = new Rewrites(rewrites);
    this.#ttlSeconds = ttlSeconds;
  }

  /** Takes over the names that have records here. */
  setNames(names: LocalNames): void {
    this.#names = names;
  }

  /** Whether a name is answered here, whatever its type. */
  settles(name: Buffer): boolean {
    if (this.#names.find(name) !== undefined || this.#isTooShort(name)) return true;
    return this.#rewrites.find(name) !== undefined || this.#zoneOf(name) !== undefined;
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    return this.#settle(query, next, 0);
  }

  /** @param aliases of our own that led here */
  #settle(query: Query, next: Next, aliases: number): Promise<Outcome> {
    if (aliases > aliasesMax) return Promise.resolve(tooManyAliases());
    const follow: Next = (target) => this.#settle(target, next, aliases + 1);
    const own = this.#ownAnswer(query, follow);
    if (own !== undefined) return own;
    const outcome = this.#answer(query.question);
    return outcome === undefined ? next(query) : Promise.resolve(outcome);
  }

  /** What was given to this name. */
  #ownAnswer(query: Query, follow: Next): Promise<Outcome> | undefined {
    const { name } = query.question;
    const entry = this.#names.find(name);
    if (entry !== undefined) {
      return dataOutcome(query, entry.data, originOf('record', entry.ttlSeconds), follow);
    }
    const rewritten = this.#rewrites.find(name);
    const origin = originOf('rewrite', this.#ttlSeconds);
    if (rewritten?.kind === 'alias') return aliasOutcome(query, rewritten.target, origin, follow);
    return rewritten && dataOutcome(query, rewritten.data, origin, follow);
  }

  #answer(question: Question): Outcome | undefined {
    const zone = this.#zoneOf(question.name);
    if (zone !== undefined) return specialOutcome(question, zone);
    if (addressTypes.has(question.type) && this.#isTooShort(question.name)) {
      const origin = originOf('name of one label', this.#ttlSeconds);
      return negativeOutcome(question, 'nodata', question.name, origin);
    }
    if (this.#minimalAny && question.type === recordType.ANY) return anyOutcome(question);
    return undefined;
  }

  /** Not NXDOMAIN: that would be about all names below a top-level domain (RFC 8020). */
  #isTooShort(name: Buffer): boolean {
    return (
      this.#fullNamesOnly && labelCount(name) === 1 && !this.#zones.has(name.toString('latin1'))
    );
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

function tooManyAliases(): Outcome {
  const text = `more than ${String(aliasesMax)} aliases of our own`;
  return failure(responseCode.SERVFAIL, 'local', { code: extendedErrorCode.OTHER, text });
}

function originOf(detail: string, ttlSeconds = localTtlSeconds): LocalOrigin {
  return { layer: 'local', detail, ttlSeconds, extendedErrors: [] };
}
