/** What scripts may rely on; docs/cli.md tells each command's cases. */
export const exitCode = {
  ok: 0,
  /** The command ran and its result is negative. */
  failed: 1,
  usage: 2,
  configInvalid: 3,
  /** The server or the admin API cannot be reached. */
  unreachable: 4,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
