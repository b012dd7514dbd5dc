import type { Argv } from 'yargs';
import { type ApiArguments, apiFlags } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { gatherFacts } from './doctor-facts.ts';
import type { Finding } from './doctor-finding.ts';
import { gridChecks } from './doctor-grid-checks.ts';
import { machineChecks } from './doctor-machine-checks.ts';
import { replicaChecks } from './doctor-replica-checks.ts';
import { trafficChecks } from './doctor-traffic-checks.ts';
import { upstreamChecks } from './doctor-upstream-checks.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

export function addDoctor<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'doctor',
    'Find what is wrong with a running replica and around it',
    (command) =>
      apiFlags(command)
        .example('$0 doctor', 'Where the replica runs: limits of the machine are looked at, too')
        .example('$0 doctor --json', 'For programs'),
    async (given) => finish(await runDoctor(given, io)),
  );
}

/**
 * Prints what every check came to, the worst first.
 * @returns `failed` where there is a problem
 * @throws {AdminCallFailed} when the replica is not there, or refuses
 */
export async function runDoctor(given: ApiArguments, io: CommandIo): Promise<ExitCode> {
  const facts = await gatherFacts(given, io);
  const findings = [
    ...replicaChecks(facts),
    ...(await upstreamChecks(facts, io)),
    ...gridChecks(facts),
    ...trafficChecks(facts),
    ...machineChecks(facts),
  ];
  if (given.json) printJson(io, { findings });
  else printLines(io, linesOf(findings));
  return findings.some(({ level }) => level === 'problem') ? exitCode.failed : exitCode.ok;
}

const levels = ['problem', 'warning', 'ok'] as const;

function linesOf(findings: readonly Finding[]): string[] {
  const sorted = levels.flatMap((level) => findings.filter((finding) => finding.level === level));
  const width = Math.max(...sorted.map(({ check }) => check.length));
  return sorted.flatMap(({ level, check, text, advice }) => [
    `${level.padEnd(7)}  ${check.padEnd(width)}  ${text}`,
    ...(advice === undefined ? [] : [`${' '.repeat(9 + width)}  -> ${advice}`]),
  ]);
}
