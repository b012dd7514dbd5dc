import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MemberStartFailed } from '../src/base/errors.ts';
import { exporterJar, memberHome } from './member-command.ts';

/** Far longer than 30 MB take on a slow line; a mirror that says nothing must not hang a test for ever. */
const fetchTimeoutMs = 300_000;

/**
 * Fetches the jars of a version by Maven unless they are there: once for a machine, 30 MB.
 *
 * @throws MemberStartFailed when Maven is missing or fails.
 */
export function fetchJars(version: string): void {
  const directory = join(memberHome, 'lib', version);
  if (hasJars(directory, version)) return;
  mkdirSync(join(memberHome, 'lib'), { recursive: true });
  // Beside the place where they belong, and renamed when complete: several may fetch at once.
  const incomplete = mkdtempSync(`${directory}.`);
  try {
    runMaven(version, incomplete);
    moveInto(directory, incomplete, version);
  } finally {
    rmSync(incomplete, { recursive: true, force: true });
  }
}

function hasJars(directory: string, version: string): boolean {
  return [`hazelcast-${version}.jar`, exporterJar].every((jar) => existsSync(join(directory, jar)));
}

function moveInto(directory: string, incomplete: string, version: string): void {
  try {
    renameSync(incomplete, directory);
  } catch (cause) {
    if (hasJars(directory, version)) return; // another was faster
    throw new MemberStartFailed(`${directory} has other files in it: remove it`, { cause });
  }
}

function runMaven(version: string, directory: string): void {
  const { error, status, stdout } = spawnSync(
    'mvn',
    [
      ...['-B', '-q', '-f', join(memberHome, 'pom.xml')],
      ...[`-Dhazelcast.version=${version}`, `-DoutputDirectory=${directory}`],
      'dependency:copy-dependencies',
    ],
    { encoding: 'utf8', timeout: fetchTimeoutMs, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (error !== undefined) {
    throw new MemberStartFailed('mvn cannot be run: install Maven and a Java 17 or newer', {
      cause: error,
    });
  }
  if (status !== 0) {
    throw new MemberStartFailed(`Maven did not fetch Hazelcast ${version}:\n${stdout.trim()}`);
  }
}
