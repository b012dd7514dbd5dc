/** How many queries may wait at a time. */
export interface WaitingLimits {
  readonly queriesInFlightMax: number;
  readonly queriesInFlightPerClientMax: number;
}

/** A limit that a query was shed by: a label value of `heimdall_queries_shed_total`. */
export type WaitingLimit = 'in_flight' | 'client_in_flight';

/** A query that waits for its answer. */
export interface WaitingQuery {
  /** Whether it was shed: its client has an answer, but what was begun for it goes on. */
  readonly isShed: boolean;
}

/** A place in a queue. */
interface Link {
  readonly query: Waiting;
  before: Link | undefined;
  after: Link | undefined;
}

class Waiting implements WaitingQuery {
  readonly client: string;
  readonly shed: (limit: WaitingLimit) => void;
  readonly inAll: Link = { query: this, before: undefined, after: undefined };
  readonly inClient: Link = { query: this, before: undefined, after: undefined };
  isShed = false;

  constructor(client: string, shed: (limit: WaitingLimit) => void) {
    this.client = client;
    this.shed = shed;
  }
}

/** Links in the order in which they came; any can leave. Nothing that left leads anywhere. */
class Queue {
  #first: Link | undefined;
  #last: Link | undefined;
  size = 0;

  get oldest(): Waiting | undefined {
    return this.#first?.query;
  }

  push(link: Link): void {
    link.before = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    this.size++;
  }

  remove(link: Link): void {
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    link.before = undefined;
    link.after = undefined;
    this.size--;
  }
}

/** Of the queries that may wait so many more may have been shed and still be under way. */
const shedShare = 0.25;

function shedMax(queriesInFlightMax: number): number {
  return Math.ceil(queriesInFlightMax * shedShare);
}

/** How many queries the stages may have to deal with at a time: those that wait, and those shed. */
export function queriesUnderWayMax({
  queriesInFlightMax,
}: Pick<WaitingLimits, 'queriesInFlightMax'>): number {
  return queriesInFlightMax + shedMax(queriesInFlightMax);
}

/**
 * The queries that wait for their answers, by age. Where one too many comes, of a client or of all,
 * the oldest gives way: its client has waited longest and asks again, or has given up. What was begun
 * for it cannot be taken back and comes to the cache in the end; so that this has a bound as well, a
 * new query is refused while too much of that is under way.
 */
export class WaitingQueries {
  readonly #all = new Queue();
  readonly #clients = new Map<string, Queue>();
  #shedUnderWay = 0;

  get size(): number {
    return this.#all.size + this.#shedUnderWay;
  }

  /**
   * Takes a place for a query, to be given back by {@link leave}.
   * @param shed is called when a younger one takes the place
   * @returns the limit that stands against it
   */
  enter(
    client: string,
    limits: WaitingLimits,
    shed: (limit: WaitingLimit) => void,
  ): WaitingQuery | WaitingLimit {
    const ofClient = this.#clients.get(client) ?? new Queue();
    const isClientFull = ofClient.size >= limits.queriesInFlightPerClientMax;
    if (isClientFull || this.#all.size >= limits.queriesInFlightMax) {
      const limit = isClientFull ? 'client_in_flight' : 'in_flight';
      if (this.#shedUnderWay >= shedMax(limits.queriesInFlightMax)) return limit;
      this.#shed((isClientFull ? ofClient : this.#all).oldest, limit);
    }
    const query = new Waiting(client, shed);
    this.#all.push(query.inAll);
    ofClient.push(query.inClient);
    this.#clients.set(client, ofClient);
    return query;
  }

  /** What was begun for the query is over. */
  leave(query: WaitingQuery): void {
    if (query.isShed) this.#shedUnderWay--;
    else if (query instanceof Waiting) this.#remove(query);
  }

  #shed(query: Waiting | undefined, limit: WaitingLimit): void {
    if (query === undefined) return;
    this.#remove(query);
    query.isShed = true;
    this.#shedUnderWay++;
    query.shed(limit);
  }

  #remove(query: Waiting): void {
    this.#all.remove(query.inAll);
    const ofClient = this.#clients.get(query.client);
    ofClient?.remove(query.inClient);
    if (ofClient?.size === 0) this.#clients.delete(query.client);
  }
}
