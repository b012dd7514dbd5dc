import type { Transport } from '../../src/query/query.ts';
import type { ScriptRecord } from './script-records.ts';

/** Where a statement stands. */
export interface At {
  readonly file: string;
  readonly line: number;
}

/** What an upstream does instead of answering. */
export const failures = [
  'servfail',
  'refused',
  'formerr',
  'notimp',
  'timeout',
  'network',
  'closed',
  'garbage',
  'referral',
] as const;
export type Failure = (typeof failures)[number];

/** What an upstream answers to a question. */
export interface UpstreamRule {
  /** Lower case without the final dot; `*` for all names, `*.example.com` for those below. */
  readonly name: string;
  /** `*` for all types. */
  readonly type: string;
  readonly code: number;
  readonly records: readonly ScriptRecord[];
  readonly delayMs: number | undefined;
  readonly authenticData: boolean;
  /** Over UDP nothing but the TC bit comes back. */
  readonly truncated: boolean;
  readonly extendedErrors: readonly number[];
}

/** What a client asks. */
export interface AskedQuestion {
  readonly name: string;
  readonly type: string;
  readonly transport: Transport & ('udp' | 'tcp');
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly authenticData: boolean;
  readonly dnssecOk: boolean;
  /** Undefined: no OPT record. */
  readonly ednsSize: number | undefined;
}

/** What a response is expected to be; what is undefined may be anything. */
export interface ExpectedResponse {
  readonly code: string;
  readonly ttlSeconds: number | undefined;
  readonly data: readonly string[];
  readonly isEmpty: boolean;
  /** Exactly these records. */
  readonly records: readonly ScriptRecord[] | undefined;
  readonly layer: string | undefined;
  readonly extendedErrors: readonly number[] | undefined;
  readonly afterMs: number | undefined;
  readonly flags: readonly string[];
  readonly withoutFlags: readonly string[];
}

/** How often an upstream, or all together, were asked. */
export interface ExpectedCount {
  readonly server: string | undefined;
  readonly what: 'asked' | 'probed';
  readonly times: number;
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly transport: 'udp' | 'tcp' | undefined;
}

export type Statement = At &
  (
    | { readonly kind: 'config'; readonly yaml: string }
    | { readonly kind: 'upstream-answers'; readonly server: string; readonly rule: UpstreamRule }
    | { readonly kind: 'upstream-fails'; readonly server: string; readonly failure: Failure }
    | { readonly kind: 'upstream-recovers'; readonly server: string }
    | { readonly kind: 'upstream-delays'; readonly server: string; readonly delayMs: number }
    | {
        readonly kind: 'ask';
        readonly question: AskedQuestion;
        readonly label: string | undefined;
        readonly times: number;
      }
    | { readonly kind: 'pass'; readonly ms: number }
    | { readonly kind: 'wait' }
    | {
        readonly kind: 'flush';
        readonly what: 'name' | 'suffix' | 'all';
        readonly name: string | undefined;
      }
    | {
        readonly kind: 'expect-response';
        readonly label: string | undefined;
        readonly expected: ExpectedResponse;
      }
    | { readonly kind: 'expect-nothing'; readonly label: string | undefined }
    | { readonly kind: 'expect-count'; readonly expected: ExpectedCount }
    | { readonly kind: 'expect-state'; readonly server: string; readonly state: string }
  );

export type StatementOf<Kind extends Statement['kind']> = Extract<Statement, { kind: Kind }>;
