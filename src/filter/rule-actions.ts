import { parentName } from '../dns/name.ts';
import type { LocalRdata } from '../query/local-answer.ts';
import type { LocalData } from '../query/local-data.ts';

/** What a rule of a zone file does to a name, where it is not NXDOMAIN. */
export type RuleAction =
  | { readonly kind: 'nodata' }
  | { readonly kind: 'drop' }
  /** An answer that is truncated, so that the client asks by TCP, where the name goes through. */
  | { readonly kind: 'tcp-only' }
  | { readonly kind: 'data'; readonly data: LocalData };

/** A record of a name in a zone file, or one of the other actions. */
export type RuleEffect =
  | Exclude<RuleAction, { readonly kind: 'data' }>
  | { readonly kind: 'record'; readonly type: number; readonly rdata: LocalRdata };

/** Whether a rule is about a name itself, or about the names below it. */
export type ActionScope = 'exact' | 'below';

/**
 * What the rules of zone files do that is more than "there is no such name". Those rules are few:
 * the many stand in the table of names alone.
 */
export class RuleActions {
  readonly #actions = new Map<string, RuleAction>();

  get size(): number {
    return this.#actions.size;
  }

  /** Adds what a rule does; records of one name come together. */
  add(list: number, scope: ActionScope, name: Uint8Array, effect: RuleEffect): void {
    const key = keyOf(list, scope, name);
    if (effect.kind !== 'record') {
      this.#actions.set(key, effect);
      return;
    }
    const known = this.#actions.get(key);
    const data = new Map(known?.kind === 'data' ? known.data : []);
    data.set(effect.type, [...(data.get(effect.type) ?? []), effect.rdata]);
    this.#actions.set(key, { kind: 'data', data });
  }

  /**
   * What the nearest rule of a list does to a name.
   * @param holds whether the list has a rule about this name in this scope
   * @returns undefined for NXDOMAIN
   */
  of(
    list: number,
    name: Buffer,
    holds: (name: Buffer, scope: ActionScope) => boolean,
  ): RuleAction | undefined {
    if (holds(name, 'exact')) return this.#actions.get(keyOf(list, 'exact', name));
    for (let at = parentName(name); at.length > 1; at = parentName(at)) {
      if (holds(at, 'below')) return this.#actions.get(keyOf(list, 'below', at));
    }
    return undefined;
  }
}

function keyOf(list: number, scope: ActionScope, name: Uint8Array): string {
  return `${String(list)} ${scope} ${Buffer.from(name).toString('latin1')}`;
}
