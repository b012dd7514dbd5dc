import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import type { Transport } from '../query/query.ts';

/** Port to who may ask, and how much. Asked for every datagram and every connection. */
export interface ClientGate extends VerifiedClients {
  /**
   * Judges the client at `bytes[at, at + length)`: 4 or 16 octets of an address in network order;
   * 0 octets are an address that cannot be read.
   */
  judge(
    transport: Transport,
    bytes: Uint8Array,
    at: number,
    length: number,
    nowMs: number,
  ): ClientVerdict;
}

/** Port to how much more a client may ask whose address is known to be no forgery. */
export interface VerifiedClients {
  /** Takes one query of a client that {@link ClientGate.judge} would turn away from its larger budget. */
  admitsVerified(bytes: Uint8Array, at: number, length: number, nowMs: number): boolean;
}

/** Everybody may ask, as much as they like. */
export class OpenGate implements ClientGate {
  judge(): ClientVerdict {
    return clientVerdict.serve;
  }

  admitsVerified(): boolean {
    return true;
  }
}
