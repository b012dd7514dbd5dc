import { randomFillSync } from 'node:crypto';

/** Randomness as an argument, so that a test or a simulation can be replayed from its seed. */
export interface Random {
  /** A whole number from 0 to 65,535; unpredictable where it guards against spoofing (RFC 5452). */
  uint16(): number;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Bytes drawn from the system at a time: one call for 2,048 numbers. */
const poolBytes = 4096;

/** Cryptographic randomness, drawn in pools because one call of the system costs microseconds. */
export class SystemRandom implements Random {
  readonly #pool = Buffer.alloc(poolBytes);
  #next = poolBytes;

  uint16(): number {
    if (this.#next >= poolBytes) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    const value = this.#pool.readUInt16BE(this.#next);
    this.#next += 2;
    return value;
  }

  fraction(): number {
    return (this.uint16() * 0x1_0000 + this.uint16()) / 0x1_0000_0000;
  }
}

/** A repeatable sequence (mulberry32) for tests and simulations; never for what goes on the wire. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  uint16(): number {
    return Math.floor(this.fraction() * 0x1_0000);
  }
}
