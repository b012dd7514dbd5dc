import { clientPrefix } from './client-prefix.ts';
import type { PrefixLengths } from './client-prefix.ts';
import type { StreamConnection } from './stream-connection.ts';

/** How many connections there may be. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerClientMax: number;
}

/** A limit that no further connection was taken by: a label value of `heimdall_tcp_connections_refused_total`. */
export type ConnectionLimit = 'client_limit' | 'limit';

/** The place of a connection. */
export interface ConnectionPlace {
  readonly client: string;
}

/** Counts the connections of all listeners together, whatever they carry, and those of each client. */
export class ConnectionQuota {
  readonly #perClient = new Map<string, number>();
  readonly #connections = new Set<StreamConnection>();
  #open = 0;
  #lengths: PrefixLengths;

  /** @param lengths what counts as one client */
  constructor(lengths: PrefixLengths) {
    this.#lengths = lengths;
  }

  setClients(lengths: PrefixLengths): void {
    this.#lengths = lengths;
  }

  /**
   * Takes a place for a connection from there, to be given back by {@link leave}; where all are
   * taken the connection that idles longest is closed (RFC 7766 section 6.2.3).
   * @returns the place, or the limit that stands against it
   */
  enter(host: string, limits: ConnectionLimits): ConnectionPlace | ConnectionLimit {
    const client = clientPrefix(host, this.#lengths);
    const ofClient = this.#perClient.get(client) ?? 0;
    if (ofClient >= limits.connectionsPerClientMax) return 'client_limit';
    if (this.#open >= limits.connectionsMax && !this.#closeLongestIdle()) return 'limit';
    this.#open++;
    this.#perClient.set(client, ofClient + 1);
    return { client };
  }

  leave({ client }: ConnectionPlace): void {
    this.#open--;
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(client, left);
    else this.#perClient.delete(client);
  }

  /** One that is closed when it idles and others need its place. */
  began(connection: StreamConnection): void {
    this.#connections.add(connection);
  }

  ended(connection: StreamConnection): void {
    this.#connections.delete(connection);
  }

  #closeLongestIdle(): boolean {
    let longest: StreamConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.isIdle) continue;
      if (longest === undefined || connection.idleSinceMs < longest.idleSinceMs)
        longest = connection;
    }
    longest?.close();
    if (longest !== undefined) this.#connections.delete(longest); // once is enough
    return longest !== undefined;
  }
}
