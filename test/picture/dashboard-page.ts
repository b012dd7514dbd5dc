import { asSent, dashboard } from '../kubernetes/monitoring.ts';
import type { Panel } from '../kubernetes/monitoring.ts';
import type { Prometheus, TimeRange } from '../kubernetes/prometheus.ts';
import { statPanel, timeSeriesPanel } from './panel.ts';
import type { Fault, NamedLine } from './panel.ts';

/** What is drawn, of what time. */
export interface Shown extends TimeRange {
  readonly prometheus: Prometheus;
  readonly faults: readonly Fault[];
}

/** Of what time rates are: five scrapes. */
const rateInterval = '10s';
const columnWidth = 60;
const rowHeight = 26;
/** What a panel has to its left and right: padding and borders, twice. */
const aroundPx = 24;

const style = `
body { margin: 16px; font: 12px sans-serif; color: #222; background: #f4f5f5; }
main { position: relative; }
section { position: absolute; box-sizing: border-box; padding: 3px; }
section > div { height: 100%; box-sizing: border-box; background: #fff; border: 1px solid #ddd;
  border-radius: 3px; padding: 5px 8px; overflow: hidden; }
section.row > div { background: none; border: none; padding: 6px 2px; font-weight: bold; }
h1 { font-size: 18px; margin: 0 0 4px; }
h2 { font-size: 12px; font-weight: normal; margin: 0 0 8px; color: #555; }
h2 span { background: #f6dede; padding: 1px 6px; margin-left: 8px; }
h3 { font-size: 12px; margin: 0 0 2px; }
b { display: block; font-size: 30px; font-weight: normal; text-align: center; line-height: 60px; }
p { margin: 0; line-height: 15px; font-size: 11px; }
p span { margin-right: 9px; white-space: nowrap; }
p i { display: inline-block; width: 9px; height: 9px; margin-right: 3px; }
svg { display: block; }
svg text { font-size: 10.5px; fill: #555; }
svg line { stroke: #e4e4e4; }
svg path { fill: none; stroke-width: 1.5; }
`;

/** The width of the page in pixels. */
export const pageWidth = 24 * columnWidth + 32;

/** The dashboard of k8s/monitoring as a page, its panels drawn from what Prometheus answers. */
export async function dashboardPage(shown: Shown): Promise<string> {
  const { panels } = dashboard();
  const sections = await Promise.all(panels.map((panel) => sectionOf(panel, shown)));
  const rows = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const faults = shown.faults.map(
    ({ what, startS, endS }) =>
      `<span>${what}: ${minutes(startS, shown)}–${minutes(endS, shown)} min</span>`,
  );
  return `<!doctype html><meta charset="utf-8"><style>${style}</style>
<h1>Heimdall</h1><h2>Three replicas, three members. Shaded: ${faults.join('')}</h2>
<main style="width:${String(24 * columnWidth)}px;height:${String(rows * rowHeight)}px">
${sections.join('\n')}</main>`;
}

function minutes(timeS: number, { startS }: Shown): string {
  return ((timeS - startS) / 60).toFixed(1);
}

async function sectionOf(panel: Panel, shown: Shown): Promise<string> {
  const { x, y, w, h } = panel.gridPos;
  const place = [
    `left:${String(x * columnWidth)}px;top:${String(y * rowHeight)}px`,
    `width:${String(w * columnWidth)}px;height:${String(h * rowHeight)}px`,
  ].join(';');
  const kind = panel.type === 'row' ? ' class="row"' : '';
  return `<section${kind} style="${place}"><div>${await contentOf(panel, shown)}</div></section>`;
}

async function contentOf(panel: Panel, shown: Shown): Promise<string> {
  if (panel.type === 'row') return panel.title;
  const lines = await Promise.all((panel.targets ?? []).map((target) => linesOf(target, shown)));
  const unit = panel.fieldConfig?.defaults.unit ?? 'none';
  const widthPx = panel.gridPos.w * columnWidth - aroundPx;
  const chart = { ...shown, title: panel.title, widthPx, unit, lines: lines.flat() };
  return panel.type === 'stat' ? statPanel(chart) : timeSeriesPanel(chart);
}

type Target = NonNullable<Panel['targets']>[number];

async function linesOf({ expr, legendFormat }: Target, shown: Shown): Promise<NamedLine[]> {
  const lines = await shown.prometheus.range(asSent(expr, rateInterval), shown);
  return lines.map((line) => ({
    name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => line.metric[label] ?? ''),
    line,
  }));
}
