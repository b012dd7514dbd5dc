import { AddressSet } from '../base/address-set.ts';
import { addressLengthMax, isMappedIPv4, writeAddress } from '../base/address-bytes.ts';
import { parseNetwork } from '../base/network.ts';
import type { FilterPauses } from './filter-pauses.ts';
import type { ListFormat } from './list-parser.ts';
import { exceptionShift } from './name-table.ts';

/** How a name on a list is answered; `auto` as the rule says, where a list has rules of more than one kind. */
export const filterAnswers = [
  'auto',
  'zero',
  'nxdomain',
  'nodata',
  'refused',
  'addresses',
] as const;
export type FilterAnswer = (typeof filterAnswers)[number];

/** Who wants names blocked: whoever runs the resolver, somebody above, or the client itself. */
export const filterReasons = ['blocked', 'censored', 'filtered'] as const;
export type FilterReason = (typeof filterReasons)[number];

export interface ListRule {
  readonly name: string;
  /** Whether the list blocks what it names, or lets it through whatever other lists say. */
  readonly action: 'block' | 'allow';
  /** Whether it holds for clients of no group. */
  readonly isDefault: boolean;
  readonly answer: FilterAnswer;
  readonly format: ListFormat;
  /** What the client is told of the reason (RFC 8914 sections 4.16 to 4.18). */
  readonly extendedError: FilterReason;
  /** For the answer `addresses`: IPv4 and IPv6 in text. */
  readonly addresses: readonly string[];
}

export interface FilterGroup {
  readonly name: string;
  /** Networks of the clients in it; the first group with a client has it. */
  readonly clients: readonly string[];
  /** Names of the lists that hold for it. */
  readonly lists: readonly string[];
}

export interface FilterRules {
  readonly lists: readonly ListRule[];
  readonly groups: readonly FilterGroup[];
}

/** What the lists say to a client's query. */
export type FilterVerdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'block'; readonly rule: ListRule; readonly list: number };

const pass: FilterVerdict = { kind: 'pass' };
const allRules = (1 << exceptionShift) - 1;

interface ReadyGroup {
  readonly name: string;
  readonly clients: AddressSet;
  readonly lists: number;
}

/** Which lists hold for whom, and which of them wins. */
export class FilterPolicy {
  readonly #rules: readonly ListRule[];
  readonly #groups: readonly ReadyGroup[];
  readonly #others: number;
  readonly #pauses: FilterPauses;
  /** Lists that let names through, as bits. */
  readonly #allowing: number;
  readonly #octets = new Uint8Array(addressLengthMax);

  constructor({ lists, groups }: FilterRules, pauses: FilterPauses) {
    this.#pauses = pauses;
    const maskOf = (names: readonly string[]): number =>
      lists.reduce((mask, { name }, index) => mask | (names.includes(name) ? 1 << index : 0), 0);
    this.#rules = lists;
    this.#groups = groups.map((group) => ({
      name: group.name,
      clients: new AddressSet(group.clients.map(parseNetwork)),
      lists: maskOf(group.lists),
    }));
    this.#others = maskOf(lists.filter(({ isDefault }) => isDefault).map(({ name }) => name));
    this.#allowing = maskOf(
      lists.filter(({ action }) => action === 'allow').map(({ name }) => name),
    );
  }

  /** What the lists in the mask of a {@link NameTable} mean for this client. */
  judge(mask: number, client: string): FilterVerdict {
    if (mask === 0) return pass;
    const group = this.#groupOf(client);
    if (this.#pauses.isPaused(group?.name)) return pass;
    const holding = group?.lists ?? this.#others;
    const rules = mask & allRules & holding;
    const exceptions = (mask >>> exceptionShift) & holding;
    if (exceptions !== 0 || (rules & this.#allowing) !== 0) return pass;
    const first = this.#rules.findIndex((_, index) => (rules & (1 << index)) !== 0);
    const rule = this.#rules[first];
    return rule === undefined ? pass : { kind: 'block', rule, list: first };
  }

  #groupOf(client: string): ReadyGroup | undefined {
    if (this.#groups.length === 0) return undefined;
    const length = writeAddress(client, this.#octets);
    const isMapped = length === 16 && isMappedIPv4(this.#octets, 0);
    const at = isMapped ? 12 : 0;
    return this.#groups.find(({ clients }) => clients.has(this.#octets, at, isMapped ? 4 : length));
  }
}
