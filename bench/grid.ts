import { coldStart } from './grid/cold-start.ts';
import { deduplication } from './grid/deduplication.ts';
import { entryMemory } from './grid/entry-memory.ts';
import { startMember } from './grid/grid-member.ts';
import { latency } from './grid/latency.ts';
import { policy } from './grid/policy.ts';
import type { Section, SectionResult } from './grid/section.ts';
import { sharedHealth } from './grid/shared-health.ts';
import { throughput } from './grid/throughput.ts';
import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { formatTable } from './support/report.ts';

const sections: Readonly<Record<string, Section>> = {
  deduplication,
  latency,
  health: sharedHealth,
  throughput,
  policy,
  cold: coldStart,
  memory: entryMemory,
};

/** The parts of the measurement, for `--only`. */
export const gridSections = Object.keys(sections);

/** What replicas on one grid do for each other, in figures; about five minutes. */
export async function measureGrid(options: BenchOptions): Promise<Outcome> {
  const unknown = options.only.filter((name) => !gridSections.includes(name));
  if (unknown.length > 0) throw new TypeError(`no such part: ${unknown.join(', ')}`);
  const chosen = options.only.length === 0 ? gridSections : options.only;
  const member = await startMember();
  const results: Record<string, SectionResult> = {};
  const tables: string[] = [];
  try {
    for (const name of chosen) {
      const section = sections[name];
      if (section === undefined) continue;
      process.stderr.write(`${name} …\n`);
      const result = await section({ options, member });
      results[name] = result;
      tables.push(`${result.title}\n${formatTable(result.heading, result.rows)}\n`);
    }
  } finally {
    await member.kill();
  }
  return { table: tables.join('\n'), results };
}
