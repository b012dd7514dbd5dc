import type { Line } from '../kubernetes/prometheus.ts';
import { formatValue, ticksUpTo } from './units.ts';

/** A time when something was broken on purpose; shaded in every chart. */
export interface Fault {
  readonly what: string;
  readonly startS: number;
  readonly endS: number;
}

/** One line of a chart, as a query of a panel gave it. */
export interface NamedLine {
  readonly name: string;
  readonly line: Line;
}

export interface Chart {
  readonly title: string;
  readonly widthPx: number;
  readonly unit: string;
  readonly lines: readonly NamedLine[];
  readonly startS: number;
  readonly endS: number;
  readonly faults: readonly Fault[];
}

const height = 150;
const left = 52;
const right = 8;
const top = 8;
const bottom = 18;
/** More than two samples lie apart, however narrow the chart. */
const gapPx = 12;
/** Told apart by people who do not see all colours, too (Okabe and Ito). */
const colours = [
  ...['#0072b2', '#e69f00', '#009e73', '#cc79a7'],
  ...['#56b4e9', '#d55e00', '#7f7f7f', '#b8a600'],
];

/** A panel of the dashboard as HTML: title, chart, legend. */
export function timeSeriesPanel(chart: Chart): string {
  const drawn = chart.lines.filter(({ line }) => numbersOf(line).length > 0);
  const legend = drawn.map(
    ({ name }, index) =>
      `<span><i style="background:${colourOf(index)}"></i>${escaped(name)}</span>`,
  );
  const shown = drawn.length === 0 ? ['<span>no samples</span>'] : legend;
  return `<h3>${escaped(chart.title)}</h3>${svgOf(chart, drawn)}<p>${shown.join('')}</p>`;
}

/** A panel with the last value of its first query. */
export function statPanel(chart: Chart): string {
  const values = chart.lines.flatMap(({ line }) => numbersOf(line).map(([, value]) => value));
  const last = values.at(-1);
  const text = last === undefined ? '–' : formatValue(last, chart.unit);
  return `<h3>${escaped(chart.title)}</h3><b>${text}</b>`;
}

function svgOf(chart: Chart, lines: readonly NamedLine[]): string {
  const values = lines.flatMap(({ line }) => numbersOf(line).map(([, value]) => value));
  const ticks = ticksUpTo(Math.max(0, ...values), chart.unit);
  const highest = Math.max(...ticks);
  const lowest = Math.min(0, ...values);
  const end = chart.widthPx - right;
  const x = (time: number): number =>
    left + ((time - chart.startS) / (chart.endS - chart.startS)) * (end - left);
  const y = (value: number): number =>
    top + ((highest - value) / (highest - lowest)) * (height - top - bottom);
  const shapes = [
    ...chart.faults.map((fault) => shade(x(fault.startS), x(fault.endS))),
    ...[...ticks, ...(lowest < 0 ? [lowest] : [])].map((tick) =>
      level(y(tick), end, formatValue(tick, chart.unit)),
    ),
    ...minutesOf(chart).map((time) => {
      return moment(Math.min(x(time), end - 12), `${String((time - chart.startS) / 60)} min`);
    }),
    ...lines.map(({ line }, index) => {
      const points = numbersOf(line).map(([time, value]) => [x(time), y(value)] as const);
      return pathsOf(points, colourOf(index));
    }),
  ];
  const size = `width="${String(chart.widthPx)}" height="${String(height)}"`;
  return `<svg ${size}>${shapes.join('')}</svg>`;
}

function shade(from: number, to: number): string {
  const size = `width="${fixed(to - from)}" height="${String(height - top - bottom)}"`;
  return `<rect x="${fixed(from)}" y="${String(top)}" ${size} fill="#f6dede"/>`;
}

function level(y: number, end: number, text: string): string {
  const line = `<line x1="${String(left)}" x2="${String(end)}" y1="${fixed(y)}" y2="${fixed(y)}"/>`;
  return `${line}<text x="${String(left - 5)}" y="${fixed(y + 4)}" text-anchor="end">${text}</text>`;
}

function moment(x: number, text: string): string {
  return `<text x="${fixed(x)}" y="${String(height - 4)}" text-anchor="middle">${text}</text>`;
}

/** A gap in the samples is a gap in the line. */
function pathsOf(points: readonly (readonly [x: number, y: number])[], colour: string): string {
  const steps = points.map(([x, y], index) => {
    const [before = x] = points[index - 1] ?? [];
    return `${index === 0 || x - before > gapPx ? 'M' : 'L'}${fixed(x)} ${fixed(y)}`;
  });
  return `<path d="${steps.join('')}" stroke="${colour}"/>`;
}

function minutesOf({ startS, endS }: Chart): number[] {
  const count = Math.floor((endS - startS) / 60);
  return Array.from({ length: count }, (_, index) => startS + (index + 1) * 60);
}

function numbersOf({ values }: Line): (readonly [time: number, value: number])[] {
  return values
    .map(([time, value]) => [time, Number(value)] as const)
    .filter(([, value]) => Number.isFinite(value));
}

function colourOf(index: number): string {
  return colours[index % colours.length] ?? '#000000';
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
