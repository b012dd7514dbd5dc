import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { roomOf } from './rooms.ts';
import { projectRoot } from './source-files.ts';

/**
 * Prints the share of each room of `src` that the tests went through: `npm test` runs it after
 * jest, on the summary that jest left.
 */

const columns = ['statements', 'branches', 'functions', 'lines'] as const;

type Totals = Record<(typeof columns)[number], { covered: number; total: number }>;

function noTotals(): Totals {
  const zero = (): { covered: number; total: number } => ({ covered: 0, total: 0 });
  return { statements: zero(), branches: zero(), functions: zero(), lines: zero() };
}

function roomTotals(files: ReadonlyMap<string, Totals>): Map<string, Totals> {
  const rooms = new Map<string, Totals>();
  for (const [path, summary] of files) {
    const room = path === 'total' ? 'all' : roomOf(relative(projectRoot, path));
    const totals = rooms.get(room) ?? noTotals();
    rooms.set(room, totals);
    for (const column of columns) {
      totals[column].covered += summary[column].covered;
      totals[column].total += summary[column].total;
    }
  }
  return rooms;
}

function row(room: string, totals: Totals): string {
  const shares = columns.map((column) => {
    const { covered, total } = totals[column];
    return (total === 0 ? '-' : ((covered / total) * 100).toFixed(1)).padStart(12);
  });
  return `${room.padEnd(14)}${shares.join('')}`;
}

const summary = readFileSync(join(projectRoot, 'coverage/coverage-summary.json'), 'utf8');
const rooms = roomTotals(new Map(Object.entries(JSON.parse(summary) as Record<string, Totals>)));
const sorted = [...rooms].toSorted(([a], [b]) => a.localeCompare(b));
const heading = `${'coverage, %'.padEnd(14)}${columns.map((column) => column.padStart(12)).join('')}`;
process.stdout.write(
  `${[heading, ...sorted.map(([room, totals]) => row(room, totals))].join('\n')}\n`,
);
