/**
 * `npm run grid`: starts one member of the grid and stays until it ends. SIGTERM and SIGINT let the
 * member hand its data over before.
 */
import { parseArgs } from 'node:util';
import { SystemClock } from '../src/base/clock.ts';
import { MemberStartFailed, UsageInvalid, describeError } from '../src/base/errors.ts';
import { memberScript } from './member-command.ts';
import { fetchJars } from './member-jars.ts';
import { MemberProcess } from './member-process.ts';
import { memberSettings, memberValues, settingNames, variableOf } from './member-settings.ts';
import type { MemberValues } from './member-settings.ts';

/** Those of `heimdall`: src/cli/exit-codes.ts. */
const exitFailed = 1;
const exitUsage = 2;

const settingOptions = Object.fromEntries(
  settingNames.map((name) => [name, { type: 'string' as const }]),
);

function readOptions(): { values: MemberValues; asks: 'help' | 'script' | undefined } {
  try {
    const { values } = parseArgs({
      options: { ...settingOptions, help: { type: 'boolean' }, script: { type: 'boolean' } },
    });
    const { help, script, ...given } = values;
    const asks = help === true ? 'help' : script === true ? 'script' : undefined;
    return { values: memberValues(given, process.env), asks };
  } catch (error) {
    throw error instanceof UsageInvalid ? error : new UsageInvalid(describeError(error));
  }
}

function helpText(): string {
  const lines = settingNames.map((name) => {
    const { standard, help } = memberSettings[name];
    const value = standard === undefined ? '' : ` [${standard}]`;
    return `  --${name.padEnd(17)}${help}${value}\n${' '.repeat(21)}${variableOf(name)}\n`;
  });
  return [
    'npm run grid -- [options]: starts one member of the grid.\n\n',
    ...lines,
    `  --${'script'.padEnd(17)}print a shell script that starts one without Node\n`,
    '\nA second one beside it:\n  npm run grid -- --port 5702 --member-port 5802 --rest-port 5902 ',
    '--members 127.0.0.1:5801,127.0.0.1:5802\n(and the same --members for the first)\n',
  ].join('');
}

async function run(values: MemberValues): Promise<void> {
  fetchJars(values.version ?? '');
  const member = new MemberProcess(values, new SystemClock(), (text) => process.stderr.write(text));
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      isStopping = true;
      member.signal('SIGTERM');
    });
  }
  try {
    await member.ready();
    process.stdout.write(readyText(values, member.pid));
    await member.ended;
    throw new MemberStartFailed(member.failure);
  } catch (error) {
    await member.stop();
    if (!isStopping) throw error;
  }
}

function readyText(values: MemberValues, pid: number | undefined): string {
  const at = (port: string | undefined): string => `${values.address ?? ''}:${port ?? ''}`;
  const metrics = values['jmx-port'];
  return [
    `grid member ${values.version ?? ''} is ready (process ${String(pid)})`,
    `  resolvers  ${at(values.port)}, cluster ${values['cluster-name'] ?? ''}`,
    `  members    ${at(values['member-port'])}`,
    `  health     http://${at(values['rest-port'])}/hazelcast/health`,
    ...(metrics === undefined ? [] : [`  metrics    http://${at(metrics)}/metrics`]),
    '',
  ].join('\n');
}

try {
  const { values, asks } = readOptions();
  if (asks === undefined) await run(values);
  else process.stdout.write(asks === 'help' ? helpText() : memberScript());
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof UsageInvalid ? exitUsage : exitFailed;
}
