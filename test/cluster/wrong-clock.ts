import { run } from '../support/processes.ts';

/** For processes of several threads, as Node and the JVM are. */
const library = /\/libfaketimeMT\.so\.1$/;

/**
 * The environment of a process whose wall clock is wrong by so much; its monotonic clock is right.
 * @throws where Debian's libfaketime is missing
 */
export async function wrongClock(aheadSeconds: number): Promise<Readonly<Record<string, string>>> {
  // Where it lies depends on the architecture.
  const { stdout } = await run('dpkg', ['-L', 'libfaketime']);
  const path = stdout.split('\n').find((line) => library.test(line));
  if (path === undefined) throw new Error('libfaketime is missing: apt-get install libfaketime');
  const sign = aheadSeconds < 0 ? '-' : '+';
  return {
    LD_PRELOAD: path,
    FAKETIME: `${sign}${String(Math.abs(aheadSeconds))}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1', // the same in later versions
  };
}

/** The command line of a program that runs in an environment. */
export function inEnvironment(
  environment: Readonly<Record<string, string>>,
  program: readonly string[],
): string[] {
  return [
    'env',
    ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ...program,
  ];
}
