/**
 * The registry of everything that Heimdall throws. Stages return outcomes; what is thrown is a
 * broken precondition, bad input at a border, or a fault of the system. `code` is stable: logs,
 * metrics and exit codes use it.
 */
export abstract class HeimdallError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A claim of ours does not hold: a defect. */
export class AssertionFailed extends HeimdallError {
  override readonly code = 'assertion_failed';
}

/** Bytes that are no well-formed DNS message (RFC 1035 section 4). */
export class MalformedMessage extends HeimdallError {
  override readonly code = 'malformed_message';
}

/** A domain name in text that cannot be a name (RFC 1035 section 3.1). */
export class MalformedName extends HeimdallError {
  override readonly code = 'malformed_name';
}

/** A record in text that cannot be read (RFC 1035 section 5.1). */
export class MalformedRecord extends HeimdallError {
  override readonly code = 'malformed_record';
}

/** An address, a port or a prefix in text that cannot be read. */
export class MalformedAddress extends HeimdallError {
  override readonly code = 'malformed_address';
}

/** One thing wrong in the configuration, as far as it could be located. */
export interface ConfigProblem {
  /** File name, `environment`, or `command line`. */
  readonly source: string;
  /** 1-based line of the file. */
  readonly line?: number;
  /** Dotted path of the option, for example `cache.maxBytes`. */
  readonly path: string;
  /** What was found and what is allowed. */
  readonly message: string;
}

/** The configuration cannot be used; every problem found is listed. */
export class ConfigInvalid extends HeimdallError {
  override readonly code = 'config_invalid';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

/** A problem in one line: `file:line: path: message`. */
export function describeProblem(problem: ConfigProblem): string {
  const where =
    problem.line === undefined ? problem.source : `${problem.source}:${String(problem.line)}`;
  return `${where}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

/** A command line that no command can follow. */
export class UsageInvalid extends HeimdallError {
  override readonly code = 'usage_invalid';
}

/** A socket cannot be opened; the message says what to do about it. */
export class ListenFailed extends HeimdallError {
  override readonly code = 'listen_failed';
}

/** A call of the system failed; `code` is that of the system, such as `EADDRINUSE`. */
export class SystemCallFailed extends HeimdallError {
  override readonly code: string;

  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** A transport that was asked for by name cannot be used on this machine; the message says why. */
export class TransportUnavailable extends HeimdallError {
  override readonly code = 'transport_unavailable';
}

/** Certificate and key of a listener cannot be used; the message says which and why. */
export class CertificateRefused extends HeimdallError {
  override readonly code = 'certificate_refused';
}

/** A member of the grid cannot be fetched or started; the message says what to do about it. */
export class MemberStartFailed extends HeimdallError {
  override readonly code = 'member_start_failed';
}

/** A snapshot file is damaged, foreign, of another version or from the future. */
export class SnapshotRefused extends HeimdallError {
  override readonly code = 'snapshot_refused';
}

/** A list of names cannot be read, or is larger than allowed; the lists in use stay. */
export class ListRefused extends HeimdallError {
  override readonly code = 'list_refused';
}

/** The admin API of a replica cannot be reached, or refused the call. */
export class AdminCallFailed extends HeimdallError {
  override readonly code = 'admin_call_failed';
  /** The HTTP status of the refusal; undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options);
    this.status = options?.status;
  }
}

/** An HTTP request is refused: with this status, for this reason in the body of the response. */
export class RequestRefused extends HeimdallError {
  override readonly code = 'request_refused';
  readonly status: number;
  /** Stable and short, for example `not_found`. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** The grid cannot be used as it is configured; that it is not there is no error. */
export class GridUnusable extends HeimdallError {
  override readonly code = 'grid_unusable';
}

/** The grid is not reached, or does not answer in time. */
export class GridUnavailable extends HeimdallError {
  override readonly code = 'grid_unavailable';
}

/** What the grid has now is older than what it said before: members were lost, with what they held. */
export class GridStateLost extends HeimdallError {
  override readonly code = 'grid_state_lost';
}

/** An exchange with an upstream failed before a usable response came. */
export class ExchangeFailed extends HeimdallError {
  override readonly code = 'exchange_failed';
  readonly reason: ExchangeFailure;

  constructor(reason: ExchangeFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Why an exchange failed: the label values of `heimdall_upstream_failures_total`. `exhausted` means
 * that a socket or connection of ours was missing, all others are to the account of the upstream;
 * `certificate` that it did not prove who it is, `protocol` that its TLS or HTTP was none to use.
 */
export type ExchangeFailure =
  | 'timeout'
  | 'network'
  | 'refused_connection'
  | 'malformed'
  | 'closed'
  | 'certificate'
  | 'protocol'
  | 'exhausted';

/** The text of anything thrown, with its causes. */
export function describeError(error: unknown): string {
  // Not instanceof: an error may come from another realm, as those of the system do in tests.
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  const cause = 'cause' in error && error.cause !== undefined ? error.cause : undefined;
  return `${String(error.message)}${cause === undefined ? '' : `: ${describeError(cause)}`}`;
}

/** The code of an error of the system, such as `ENOENT`; undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
