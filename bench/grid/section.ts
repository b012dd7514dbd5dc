import type { BenchOptions } from '../support/options.ts';
import type { GridMember } from './grid-member.ts';

/** What a part of the measurement works with. */
export interface SectionContext {
  readonly options: BenchOptions;
  /** A member of the newest version; the sections use it one after the other. */
  readonly member: GridMember;
}

/** What a part of the measurement came to. */
export interface SectionResult {
  readonly title: string;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type Section = (context: SectionContext) => Promise<SectionResult>;
