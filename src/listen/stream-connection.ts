/** A connection of a client as its listener sees it, whatever it carries. */
export interface StreamConnection {
  /** Whether no query on it waits for its answer. */
  readonly isIdle: boolean;
  /** When something last moved, on the monotonic clock. */
  readonly idleSinceMs: number;
  /** Closes when nothing moved for too long: idle, half a query, or a reader that stopped. */
  closeIfStuck(nowMs: number): void;
  /** Takes no more queries; the connection ends when those in flight are answered. */
  finish(): void;
  close(): void;
}
