/** Why a replica is not ready. */
export interface NotReadyReason {
  /** Short and stable, for example `starting`. */
  readonly name: string;
  readonly message: string;
}

/** Whether the replica should be sent queries: it is ready when nothing speaks against it. */
export class Readiness {
  readonly #reasons = new Map<string, NotReadyReason>();

  constructor() {
    this.block('starting', 'the replica is starting');
  }

  get ready(): boolean {
    return this.#reasons.size === 0;
  }

  /** Not ready for this reason, until it is cleared; the names come from the code, so few. */
  block(name: string, message: string): void {
    this.#reasons.set(name, { name, message });
  }

  clear(name: string): void {
    this.#reasons.delete(name);
  }

  reasons(): NotReadyReason[] {
    return [...this.#reasons.values()];
  }
}
