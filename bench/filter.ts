import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseName } from '../src/dns/name.ts';
import { loadLists } from '../src/filter/filter-lists.ts';
import type { ListFormat } from '../src/filter/list-parser.ts';
import type { NameTable } from '../src/filter/name-table.ts';
import { heimdall, heimdallListed, listedName, listedNames } from './peers/heimdall.ts';
import { measureHits } from './support/measurements.ts';
import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { formatTable } from './support/report.ts';

/** A million names on lists: what reading them takes, what they take, and what hits cost beside them. */

const lines: Readonly<Record<string, (name: string) => string>> = {
  domains: (name) => name,
  hosts: (name) => `0.0.0.0 ${name}`,
  adblock: (name) => `||${name}^`,
  rpz: (name) => `${name} CNAME .`,
};
const looks = 200_000;
const bounds = { rulesMax: 2_000_000, fileBytesMax: 1024 ** 3 };

interface FormResult {
  readonly form: string;
  readonly loadMs: number;
  readonly bytesPerName: number;
  /** The longest time in which nothing else ran. */
  readonly pauseMs: number;
  readonly listedNs: number;
  readonly unlistedNs: number;
}

/** Looks for names one after the other. @returns nanoseconds of one */
function timeOfLook(table: NameTable, nameOf: (index: number) => string): number {
  const names = Array.from({ length: looks }, (_, index) => parseName(nameOf(index)));
  const startedMs = performance.now();
  let found = 0;
  for (const name of names) found += table.listsOf(name) === 0 ? 0 : 1;
  const tookMs = performance.now() - startedMs;
  if (found !== 0 && found !== looks) throw new Error('a table has only some of its names');
  return (tookMs * 1e6) / looks;
}

async function measureForm(form: string, directory: string): Promise<FormResult> {
  const path = join(directory, form);
  const lineOf = lines[form] ?? String;
  const all = Array.from({ length: listedNames }, (_, index) => lineOf(listedName(index)));
  writeFileSync(path, `${all.join('\n')}\n`);
  let pauseMs = 0;
  let lastMs = performance.now();
  const watch = setInterval(() => {
    pauseMs = Math.max(pauseMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 1);
  const startedMs = performance.now();
  const source = { name: form, files: [path], format: form as ListFormat };
  const { table } = await loadLists([source], bounds, 1);
  const loadMs = performance.now() - startedMs;
  clearInterval(watch);
  return {
    form,
    loadMs,
    bytesPerName: table.sizeBytes / table.size,
    pauseMs,
    listedNs: timeOfLook(table, listedName),
    unlistedNs: timeOfLook(table, (index) => `www.n${String(index)}.example.com`),
  };
}

export async function measureFilter(options: BenchOptions): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'heimdall-bench-filter-'));
  try {
    const forms: FormResult[] = [];
    for (const form of Object.keys(lines)) forms.push(await measureForm(form, directory));
    const hits = await measureHits([heimdall, heimdallListed], options, 'udp');
    const heading = ['form', 'read ms', 'octets/name', 'pause ms', 'listed ns', 'unlisted ns'];
    const table = formatTable(
      heading,
      forms.map(({ form, loadMs, bytesPerName, pauseMs, listedNs, unlistedNs }) => [
        form,
        ...[loadMs, bytesPerName, pauseMs, listedNs, unlistedNs].map((value) => value.toFixed(0)),
      ]),
    );
    return { table: `${table}\n\n${hits.table}`, results: { forms, hits: hits.results } };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
