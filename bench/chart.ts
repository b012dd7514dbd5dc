import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measurement } from './support/comparison.ts';
import { projectRoot, resultsDirectory } from './support/directories.ts';
import type { Outcome } from './support/measurements.ts';
import { spreadOf } from './support/statistics.ts';

/** What the chart shows, in its order. */
const titles: Readonly<Record<string, string>> = {
  hot: 'Hits over UDP',
  tcp: 'Hits over TCP',
  tls: 'Hits over DNS over TLS',
  https: 'Hits over DNS over HTTPS',
  miss: 'Misses',
  mixed: 'One query in ten a miss',
};

interface Result {
  readonly results: {
    /** Not there in the files of earlier versions. */
    readonly servers?: readonly { readonly name: string; readonly full: readonly Measurement[] }[];
  };
}

interface Bar {
  readonly name: string;
  readonly cpuUs: number;
}

const width = 760;
const nameWidth = 150;
const barHeight = 18;
const rowHeight = 22;
const titleHeight = 40;

/** Draws the newest result of each kind to docs/benchmarks.svg: CPU time per answer, less is better. */
export function drawChart(): Promise<Outcome> {
  const groups = Object.entries(titles).flatMap(([kind, title]) => {
    const bars = newestOf(kind);
    return bars.length === 0 ? [] : [{ title, bars }];
  });
  const path = join(projectRoot, 'docs/benchmarks.svg');
  writeFileSync(path, svgOf(groups));
  return Promise.resolve({ table: `drawn: ${path}`, results: groups });
}

function newestOf(kind: string): Bar[] {
  const file = readdirSync(resultsDirectory())
    .filter((name) => name.startsWith(`${kind}-`))
    .toSorted()
    .at(-1);
  if (file === undefined) return [];
  const { results } = JSON.parse(readFileSync(join(resultsDirectory(), file), 'utf8')) as Result; // our own file
  return (results.servers ?? []).map(({ name, full }) => ({
    name,
    cpuUs: spreadOf(full.map((one) => one.cpuMicrosecondsPerAnswer)).median,
  }));
}

interface Group {
  readonly title: string;
  readonly bars: readonly Bar[];
}

function svgOf(groups: readonly Group[]): string {
  let y = 34;
  const parts: string[] = [];
  for (const { title, bars } of groups) {
    y += titleHeight;
    parts.push(`<text class="title" x="0" y="${String(y - 10)}">${title}</text>`);
    const longest = Math.max(...bars.map(({ cpuUs }) => cpuUs));
    for (const bar of bars.toSorted((one, other) => one.cpuUs - other.cpuUs)) {
      parts.push(barOf(bar, longest, y));
      y += rowHeight;
    }
  }
  const height = y + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(width)} ${String(height)}" role="img" aria-label="CPU time per answer of several resolvers">
<style>
text { font: 13px system-ui, sans-serif; fill: #222 } .title { font-weight: 600; font-size: 15px }
rect { fill: #9aa5b1 } .own { fill: #0b7285 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } rect { fill: #5c6773 } .own { fill: #3bc9db } }
</style>
<text class="title" x="0" y="20">CPU microseconds per answer, all threads, user and system: less is better</text>
${parts.join('\n')}
</svg>
`;
}

function barOf({ name, cpuUs }: Bar, longest: number, y: number): string {
  const length = Math.max(1, (cpuUs / longest) * (width - nameWidth - 70));
  const className = name.startsWith('heimdall') ? ' class="own"' : '';
  const end = nameWidth + length + 6;
  const middle = y + barHeight - 5;
  return `<text x="0" y="${String(middle)}">${name}</text><rect${className} x="${String(nameWidth)}" y="${String(y)}" width="${length.toFixed(1)}" height="${String(barHeight)}" rx="2"/><text x="${end.toFixed(1)}" y="${String(middle)}">${cpuUs.toFixed(2)}</text>`;
}
