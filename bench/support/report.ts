import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { projectRoot, resultsDirectory } from './directories.ts';

/** A table for the terminal: the first column to the left, the others to the right. */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [heading, ...rows]
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

/** Keeps what was measured with what it was measured on. @returns the path of the file */
export function writeResult(kind: string, options: object, results: object): string {
  const measuredAt = new Date().toISOString();
  const path = join(resultsDirectory(), `${kind}-${measuredAt.replaceAll(':', '')}.json`);
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadAverage: loadavg(),
  };
  const result = { kind, measuredAt, commit: commit(), machine, options, results };
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`);
  return path;
}

function commit(): string {
  try {
    const described = ['describe', '--always', '--dirty', '--abbrev=12'];
    return execFileSync('git', described, { cwd: projectRoot, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
