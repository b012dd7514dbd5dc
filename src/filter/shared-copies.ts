import type { CopyValidators } from './list-copies.ts';

/** A copy of a list that a replica has made sure of: it is what lies at the URL. */
export interface SharedCopy {
  readonly url: string;
  readonly validators: CopyValidators;
  /** SHA-256 of its octets, in hexadecimal. */
  readonly digest: string;
}

/**
 * Port: what the replicas tell each other of lists that lie elsewhere, so that one of them asks for
 * all. Nothing of it rejects; with nobody behind it each asks for itself.
 */
export interface SharedCopies {
  /** What another replica has made sure of since the last look; undefined: nobody has. */
  look(url: string): Promise<SharedCopy | undefined>;
  /** Its octets; undefined when they are not to be had, too many, or not those of its digest. */
  read(copy: SharedCopy, bytesMax: number): Promise<Buffer<ArrayBuffer> | undefined>;
  /** Whether this replica is to ask the server; the others wait for what it finds. */
  claim(url: string, forMs: number): Promise<boolean>;
  /** Gives a claim back, whatever came of it. */
  release(url: string): Promise<void>;
  /** Tells the others, for as long as none of them needs to ask the server. */
  share(copy: SharedCopy, octets: Buffer, forMs: number): Promise<void>;
}

/** Nobody to share with. */
export const noSharedCopies: SharedCopies = {
  look: () => Promise.resolve(undefined),
  read: () => Promise.resolve(undefined),
  claim: () => Promise.resolve(true),
  release: () => Promise.resolve(),
  share: () => Promise.resolve(),
};
